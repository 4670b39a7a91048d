// Times in UTC or in local time, as the person chose; each shows the other one when it is pointed at.
const KEPT = "gatepost.zone";
const pad = (number) => String(number).padStart(2, "0");

export const local = () => localStorage.getItem(KEPT) === "local";

export function text(iso, inLocal = local()) {
  if (!inLocal) return iso.slice(0, 19).replace("T", " ");
  const at = new Date(iso);
  const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${day} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

// The time of day alone, to the millisecond.
export function short(iso) {
  if (!local()) return iso.slice(11, 23);
  return `${text(iso).slice(11)}.${pad(new Date(iso).getMilliseconds()).padStart(3, "0")}`;
}

export function show() {
  for (const one of document.querySelectorAll("time[datetime]:not(.short)")) {
    one.textContent = text(one.dateTime);
    one.title = `${text(one.dateTime, false)} UTC, ${text(one.dateTime, true)} local`;
  }
}

export function begin() {
  const button = document.querySelector("[data-zone]");
  const name = () => { button.textContent = local() ? "local" : "UTC"; };
  button.addEventListener("click", () => {
    localStorage.setItem(KEPT, local() ? "utc" : "local");
    name();
    show();
    document.dispatchEvent(new Event("zone"));
  });
  name();
  show();
}

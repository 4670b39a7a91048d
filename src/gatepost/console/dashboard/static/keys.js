// Keys: "/" searches, "f" adds a filter, j and k go through the rows, Enter opens one, "g" and a letter opens a page.
let chosen = -1;
let going = false;

function rows() {
  return [...document.querySelectorAll("[data-row]")];
}

function choose(step) {
  const found = rows();
  if (!found.length) return;
  found[chosen]?.classList.remove("at");
  chosen = Math.max(0, Math.min(found.length - 1, chosen + step));
  const row = found[chosen];
  row.classList.add("at");
  row.scrollIntoView({ block: "nearest" });
  row.querySelector("a, button, input")?.focus({ preventScroll: true });
}

function typing(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox]), textarea, select");
}

function go(letter) {
  document.querySelector(`nav [data-key="${CSS.escape(letter)}"]`)?.click();
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  if (going) {
    going = false;
    go(event.key);
    return;
  }
  const todo = {
    "/": () => document.querySelector("[data-search]")?.focus(),
    f: () => document.querySelector("[data-filter]")?.focus(),
    j: () => choose(1),
    k: () => choose(-1),
    g: () => { going = true; setTimeout(() => { going = false; }, 1200); },
    p: () => document.getElementById("pause")?.click(),
    "?": () => document.getElementById("keys").showModal(),
  }[event.key];
  if (todo) {
    event.preventDefault();
    todo();
  }
}

export function begin() {
  document.addEventListener("keydown", pressed);
  document.querySelector("[data-keys]").addEventListener("click", () => document.getElementById("keys").showModal());
}

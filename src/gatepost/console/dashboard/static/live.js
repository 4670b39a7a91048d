// The events as they happen. A bounded number is kept, and only the rows that can be seen are in the page, so that thousands of events a
// second cost what a screenful costs. Everything from outside is set as text.
import * as times from "./times.js";

const ROW = 28; // pixels, as the style says
const KEPT = 5000;
const SPARE = 10; // rows above and below the screen
const box = document.getElementById("live");
const body = document.getElementById("events");
const above = document.querySelector("#above td");
const below = document.querySelector("#below td");
const nothing = document.getElementById("nothing");
const pause = document.getElementById("pause");
const pace = document.getElementById("pace");
const root = document.body.dataset.root;

let events = []; // the newest first
let waiting = []; // came during a pause, the newest last
let paused = false;
let dirty = false;
let seen = 0;
let skipped = 0;
const rows = [];

function cell(row, name) {
  const made = document.createElement("td");
  made.className = name;
  row.append(made);
  return made;
}

function newRow() {
  const row = document.createElement("tr");
  const time = document.createElement("time");
  time.className = "short";
  cell(row, "c-time").append(time);
  const state = document.createElement("span");
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  icon.append(use);
  const word = document.createElement("span");
  state.append(icon, word);
  cell(row, "c-state").append(state);
  const link = document.createElement("a");
  cell(row, "c-who").append(link);
  const way = cell(row, "c-way");
  const category = cell(row, "c-cat");
  const said = cell(row, "c-said reply");
  row.addEventListener("click", (event) => {
    if (link.href && event.target !== link && !getSelection().toString()) location.href = link.href;
  });
  return { row, time, state, use, word, link, way, category, said, event: null };
}

function fill(made, event) {
  if (made.event === event) return;
  made.event = event;
  made.time.dateTime = event.at;
  made.time.textContent = times.short(event.at);
  made.time.title = times.text(event.at);
  made.state.className = `state s-${event.state}`;
  made.use.setAttribute("href", `${box.dataset.icons}#${event.state}`);
  made.word.textContent = event.state;
  made.link.textContent = event.recipient || event.message || "";
  if (event.message) {
    const one = event.delivery ? `?delivery=${encodeURIComponent(event.delivery)}` : "";
    made.link.href = `${root}/messages/${encodeURIComponent(event.message)}${one}`;
  } else made.link.removeAttribute("href");
  made.way.textContent = [event.bridge, event.source, event.provider].filter(Boolean).join(" → ");
  made.category.textContent = event.category || "";
  made.said.textContent = event.reply || event.detail || "";
}

function draw() {
  dirty = false;
  const height = box.clientHeight || 600;
  const first = Math.max(0, Math.floor(box.scrollTop / ROW) - SPARE);
  const shown = events.slice(first, first + Math.ceil(height / ROW) + 2 * SPARE);
  while (rows.length < shown.length) {
    const made = newRow();
    rows.push(made);
    body.append(made.row);
  }
  while (rows.length > shown.length) rows.pop().row.remove();
  shown.forEach((event, place) => fill(rows[place], event));
  above.style.height = `${first * ROW}px`;
  below.style.height = `${Math.max(0, events.length - first - shown.length) * ROW}px`;
  nothing.hidden = events.length > 0;
}

function later() {
  if (dirty) return;
  dirty = true;
  requestAnimationFrame(draw);
}

function take(found) {
  const held = box.scrollTop > ROW; // who reads further below keeps what is read in place
  events = found.reverse().concat(events).slice(0, KEPT);
  if (held) box.scrollTop += found.length * ROW;
  later();
}

function flush() {
  if (!paused && waiting.length) take(waiting.splice(0));
  pause.textContent = paused ? (waiting.length ? `Go on (${waiting.length.toLocaleString("en")} new)` : "Go on") : "Pause";
}

function tell() {
  const all = seen + skipped;
  pace.textContent = skipped ? `${seen} of ${all.toLocaleString("en")} events a second are shown` : all ? `${all} a second` : "";
  seen = skipped = 0;
}

function begin() {
  const stream = new EventSource(box.dataset.stream);
  stream.onmessage = (message) => {
    seen += 1;
    waiting.push(JSON.parse(message.data));
    if (waiting.length > KEPT) waiting.splice(0, waiting.length - KEPT);
  };
  stream.addEventListener("skipped", (message) => { skipped += Number(message.data); });
  stream.onerror = () => { pace.textContent = stream.readyState === EventSource.CLOSED ? "the stream has ended: load the page again" : "connecting again …"; };
  setInterval(flush, 100);
  setInterval(tell, 1000);
  box.addEventListener("scroll", later, { passive: true });
  addEventListener("resize", later);
  document.addEventListener("zone", () => { for (const one of rows) one.event = null; later(); });
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    flush();
  });
}

begin();

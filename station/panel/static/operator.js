// The operator's page: keeps the tiles as the station's events say, and sends what the operator presses.
"use strict";

const board = document.getElementById("board");
const words = JSON.parse(board.dataset.words);
const csrf = document.querySelector("meta[name=csrf-token]").content;
const SIGNS = { PASS: "✔", FAIL: "✘", ERROR: "⚠", ABORTED: "■", down: "⊘", working: "▶", waiting: "", starting: "…" };
const RESULTS = ["PASS", "FAIL", "ERROR", "ABORTED"];
const LOST_AFTER_MS = 3000; // without a stream
const SILENT_AFTER_MS = 40000; // the station says that it lives every 15 s
const TOLD_FOR_MS = 6000;
const tiles = new Map(); // by socket: the section's parts, and the tile as it was last told
let ahead_ms = 0; // of this computer's clock before the station's

for (const section of board.children) {
  const parts = { section };
  for (const node of section.querySelectorAll("[data-show]")) parts[node.dataset.show] = node;
  parts.marks = [...section.querySelectorAll(".steps li")];
  tiles.set(section.dataset.socket, { parts, tile: null });
  listen(parts);
}

// -- what is shown

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// What is set to what it is already would be styled and laid out anew all the same.
function mark(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function hide(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

function fill(key, values) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

const TENTHS = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

function seconds(ms) {
  return `${TENTHS.format(ms / 1000)} s`;
}

function showTile(tile) {
  const known = tiles.get(tile.socket);
  if (!known) return location.reload(); // the configuration names other sockets now
  const before = known.tile, { parts } = known;
  known.tile = tile;
  mark(parts.section, "data-state", tile.state);
  write(parts.sign, SIGNS[tile.state] ?? "");
  write(parts.word, words[`state.${tile.state}`] ?? tile.state);
  write(parts.headline, tile.headline);
  write(parts.code, tile.code ?? "");
  hide(parts.why, !tile.headline);
  write(parts.action, tile.action || words[`todo.${tile.state}`] || "");
  hide(parts.steps, tile.state !== "working");
  const step = tile.step ? words[`step.${tile.step}`] ?? tile.step : "";
  const progress = fill("tile.progress", { done: Math.min(tile.steps_done + 1, tile.steps_total), total: tile.steps_total });
  write(parts.step, step ? `${progress}: ${step}` : progress);
  parts.marks.forEach((node, place) => {
    mark(node, "class", place < tile.steps_done ? "done" : place === tile.steps_done ? "now" : "");
  });
  write(parts.sn, tile.sn ?? "–");
  write(parts.device_id, tile.device_id ?? "–");
  hide(parts.ids, !tile.sn && !tile.device_id);
  write(parts.notice, tile.notice ?? "");
  hide(parts.notice, !tile.notice);
  hide(parts.question, !tile.needs_answer);
  hide(parts.doubt, !tile.needs_answer);
  hide(parts.start, !tile.ready || tile.needs_answer);
  hide(parts.abort, tile.state !== "working");
  hide(parts.reprint, !(tile.label === "printed" && tile.chip_id && RESULTS.includes(tile.state)));
  showTime(known);
  // What changes while a tile works takes no more room.
  const room = tile.state === "working" ? "" : JSON.stringify([tile.state, tile.headline, tile.code, tile.action, tile.sn, tile.device_id, tile.notice, tile.needs_answer]);
  if (room !== known.room) fitSoon(parts.rest);
  known.room = room;
  if (before && RESULTS.includes(tile.state) && tile.cycle !== before.cycle) play(tile.state);
}

// Leaves out of a small tile what matters least; what still does not fit can be scrolled, by keyboard too.
// All tiles are measured before any is changed: the page is laid out a few times a frame, not a few times a tile.
const unfit = new Set(); // what has changed since the last frame

function fitSoon(rest) {
  if (!unfit.size) requestAnimationFrame(fitAll);
  unfit.add(rest);
}

function fitAll() {
  const rests = [...unfit];
  unfit.clear();
  for (const rest of rests) rest.removeAttribute("data-tight");
  const isCut = (rest) => rest.scrollHeight > rest.clientHeight + 1;
  for (const level of ["0", "1", "2"]) {
    for (const rest of rests.filter(isCut)) rest.dataset.tight = level;
  }
  for (const [rest, index] of rests.map((rest) => [rest, isCut(rest) ? 0 : -1])) {
    if (rest.tabIndex !== index) rest.tabIndex = index;
  }
}

function showTime({ parts, tile }) {
  const running = tile.state === "working" && tile.started_ms !== null;
  const spent_ms = running ? Math.max(0, Date.now() - ahead_ms - tile.started_ms) : (tile.duration_s ?? 0) * 1000;
  write(parts.time, running || tile.duration_s !== null ? seconds(spent_ms) : "");
}

function showTotals(totals) {
  const language = document.documentElement.lang;
  const put = (name, text) => write(document.querySelector(`[data-total="${name}"]`), text);
  for (const [outcome, number] of Object.entries(totals.today)) put(outcome, number.toLocaleString(language));
  const share = totals.yield;
  put("yield", share === null ? "–" : share.toLocaleString(language, { style: "percent", maximumFractionDigits: 1 }));
  put("rate", totals.units_per_hour === null ? "–" : Math.round(totals.units_per_hour).toLocaleString(language));
  put("pool", totals.pool.problem ? totals.pool.problem : `${totals.pool.device_ids} / ${totals.pool.sns}`);
  put("api", totals.api.ok ? `✔ ${words["health.ok"]}` : `⚠ ${fill("health.answer", { answer: totals.api.text })}`);
  put("units_held", String(totals.units_held));
  put("labels_in_doubt", String(totals.labels_in_doubt));
  judge("pool", !totals.pool.problem);
  judge("api", totals.api.ok);
  judge("held", totals.units_held === 0);
  judge("doubt", totals.labels_in_doubt === 0);
  for (const printer of totals.printers) {
    const node = document.querySelector(`[data-printer="${CSS.escape(printer.name)}"]`);
    if (!node) continue;
    node.dataset.ok = printer.ok;
    write(node.querySelector("dd"), printer.ok ? `✔ ${words["health.ok"]}` : `⚠ ${printer.text || words["health.bad"]}`);
  }
}

function judge(name, ok) {
  document.querySelector(`[data-health="${name}"]`).dataset.ok = ok;
}

function showAll(snapshot) {
  ahead_ms = Date.now() - snapshot.now_ms;
  if (snapshot.tiles.length !== tiles.size) return location.reload();
  snapshot.tiles.forEach(showTile);
  showTotals(snapshot.totals);
}

// What a style sheet could only ask a container for, which the browser would answer anew at each event.
const shaped = new ResizeObserver((entries) => entries.forEach(({ target, contentRect: { width, height } }) => {
  target.style.setProperty("--w", `${width / 100}px`);
  target.style.setProperty("--h", `${height / 100}px`);
  if (height > 240) target.removeAttribute("data-low");
  else mark(target, "data-low", height > 180 ? "" : "very");
}));
for (const { parts } of tiles.values()) shaped.observe(parts.section);

const sized = new ResizeObserver((entries) => entries.forEach((entry) => fitSoon(entry.target)));
for (const { parts } of tiles.values()) sized.observe(parts.rest);

// -- the stream

const lost = document.getElementById("lost");
let stream = null, heard_ms = Date.now(), open_ms = Date.now();

function connect() {
  stream = new EventSource("/events");
  const on = (name, show) => stream.addEventListener(name, (event) => {
    heard_ms = open_ms = Date.now();
    lost.hidden = true;
    show(JSON.parse(event.data));
  });
  on("snapshot", showAll);
  on("tile", showTile);
  on("totals", showTotals);
}

function disconnect() {
  stream?.close();
  stream = null;
}

function watch() {
  if (document.hidden) return;
  const now_ms = Date.now();
  if (stream?.readyState === EventSource.OPEN) open_ms = now_ms;
  const silent = now_ms - heard_ms > SILENT_AFTER_MS;
  if (silent || now_ms - open_ms > LOST_AFTER_MS) lost.hidden = false;
  // A browser does not come back by itself to a server that refused it once, or to one that hangs.
  if (!stream || stream.readyState === EventSource.CLOSED || silent) {
    disconnect();
    heard_ms = now_ms;
    connect();
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return disconnect(); // a browser has six connections to a host
  heard_ms = open_ms = Date.now();
  connect();
});
setInterval(watch, 1000);
setInterval(() => {
  for (const known of tiles.values()) if (known.tile?.state === "working") showTime(known);
}, 200);

// -- what the operator does

const told = document.getElementById("told");
let told_timer = 0;

function tell(text, bad) {
  write(told, text);
  told.className = bad ? "told bad" : "told";
  told.hidden = false;
  clearTimeout(told_timer);
  told_timer = setTimeout(() => { told.hidden = true; }, TOLD_FOR_MS);
}

async function send(path, values, button, quiet = false) {
  if (button) button.disabled = true;
  try {
    const body = new URLSearchParams(values);
    const headers = { "X-CSRF-Token": csrf, Accept: "application/json" };
    const answer = await fetch(path, { method: "POST", body, headers });
    if (answer.status === 401) return location.assign("/login");
    const said = await answer.json();
    // A start that was taken shows in its tile.
    if (answer.ok && !(quiet && !said.problem)) tell(said.problem ? `${said.text} ${said.problem}` : said.text, Boolean(said.problem));
    if (!answer.ok) tell(said.action ? `${said.headline}: ${said.action}` : said.headline, true);
    return answer.ok;
  } catch {
    tell(words["told.failed"], true);
    return false;
  } finally {
    if (button) button.disabled = false;
  }
}

function listen(parts) {
  const socket = parts.section.dataset.socket;
  for (const form of [parts.start, parts.abort]) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await send(form.getAttribute("action"), new FormData(form), event.submitter, form === parts.start)) form.reset();
    });
  }
  parts.doubt.addEventListener("submit", (event) => {
    event.preventDefault();
    const { tile } = tiles.get(socket);
    send(`/units/${encodeURIComponent(tile.chip_id)}/label`, { printed: event.submitter.value }, event.submitter);
  });
  parts.reprint.addEventListener("click", () => ask(tiles.get(socket).tile));
}

const dialog = document.getElementById("reprint");
const form = dialog.querySelector("form");
let asked = null; // the chipId that the dialog is about

function ask(tile) {
  asked = tile.chip_id;
  write(document.getElementById("reprint-title"), fill("reprint.title", { sn: tile.sn ?? tile.chip_id }));
  dialog.showModal();
}

form.elements.other.addEventListener("input", () => { form.elements.choice.value = ""; });
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const other = form.elements.other.value.trim();
  const reason = form.elements.choice.value || other;
  if (!reason) return form.elements.other.focus();
  const values = { reason, operator: form.elements.operator?.value ?? "" };
  if (await send(`/units/${encodeURIComponent(asked)}/reprint`, values, event.submitter)) form.elements.other.value = "";
  dialog.close();
});
dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());

// -- sound: off until somebody switches it on, as browsers want it

const NOTES = { PASS: [[880, 0.1], [1320, 0.16]], FAIL: [[220, 0.45]], ERROR: [[330, 0.16], [0, 0.08], [330, 0.16]], ABORTED: [[440, 0.12]] };
const sound = document.getElementById("sound");
let audio = null;

function play(state) {
  if (!audio) return;
  let at = audio.currentTime;
  for (const [pitch, length] of NOTES[state]) {
    if (pitch) {
      const tone = audio.createOscillator(), level = audio.createGain();
      tone.type = state === "PASS" ? "sine" : "square";
      tone.frequency.value = pitch;
      level.gain.value = state === "PASS" ? 0.3 : 0.15;
      tone.connect(level).connect(audio.destination);
      tone.start(at);
      tone.stop(at + length);
    }
    at += length;
  }
}

sound.addEventListener("click", () => {
  if (audio) audio.close();
  audio = audio ? null : new AudioContext();
  sound.setAttribute("aria-pressed", String(Boolean(audio)));
  write(sound, words[audio ? "sound.on" : "sound.off"]);
  play("PASS");
});

showAll(JSON.parse(board.dataset.board));
connect();

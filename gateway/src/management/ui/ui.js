// The owner's page of a node: what it serves, what was asked, and how each answer came to be. It reads the management interface,
// with the token that the address brought (#token=…, and perhaps the path of a page), which stays in this tab.
"use strict";

const EVERY_MS = 2000;
const LISTED = 200;
const SAMPLES = 90;

// ---- the node

let token = sessionStorage.getItem("token") ?? "";
const given = /^#token=([0-9a-f]+)(\/.*)?$/i.exec(location.hash);
if (given) {
  token = given[1];
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", `#${given[2] ?? "/"}`);
}

class Refused extends Error {}

async function ask(path, method = "GET") {
  const answer = await fetch(`/v1/${path}`, { method, headers: { authorization: `Bearer ${token}` }, cache: "no-store" });
  const body = await answer.json();
  if (answer.ok) return body;
  const error = new Refused(body.detail ?? body.title ?? `status ${answer.status}`);
  error.status = answer.status;
  throw error;
}

// ---- values for people

const count = new Intl.NumberFormat("en").format;
const size = (bytes) =>
  bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1048576).toFixed(1)} MiB`;
const percent = (part, whole) => (whole ? `${Math.round((100 * part) / whole)} %` : "–");
const time = (ms) => new Date(ms).toLocaleTimeString();
const moment = (ms) => new Date(ms).toLocaleString();
const short = (text) => `${text.slice(0, 12)}…`;
const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : null;
};

// ---- elements: text is always text, never HTML

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(9).filter((child) => child != null && child !== false));
  return element;
}

const tile = (value, label, alarm = false) =>
  h("div", { class: alarm ? "tile alarm" : "tile" }, h("b", {}, value), h("span", {}, label));

const table = (head, rows, empty) =>
  rows.length === 0
    ? h("p", { class: "soft" }, empty)
    : h("div", { class: "scroll" },
        h("table", {},
          h("thead", {}, h("tr", {}, head.map(([text, kind]) => h("th", { class: kind, scope: "col" }, text)))),
          h("tbody", {}, rows)));

const definitions = (pairs) =>
  h("dl", {}, pairs.filter(([, value]) => value != null).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

function chart(values) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const most = Math.max(1, ...values);
  svg.setAttribute("class", "chart");
  svg.setAttribute("viewBox", `0 0 ${SAMPLES - 1} 100`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `answers a second over the last ${Math.round((SAMPLES * EVERY_MS) / 60000)} minutes, at most ${most.toFixed(1)}`);
  const path = document.createElementNS(svg.namespaceURI, "path");
  const start = SAMPLES - values.length;
  const points = values.map((value, index) => `L${start + index} ${98 - (90 * value) / most}`).join("");
  path.setAttribute("d", `M${start} 100${points}L${SAMPLES - 1} 100Z`);
  svg.append(path);
  return svg;
}

// ---- rows that several pages have

const programHref = (program) => `#/programs/${program.address}/${program.name}`;

function status(run) {
  if (run.trap) return h("span", { class: "bad" }, run.trap);
  return h("span", { class: run.status >= 500 ? "status bad" : "status" }, String(run.status ?? "–"));
}

const RUN_HEAD = [["Time"], ["Status"], ["Request"], ["Program", "wide"], ["Cache", "wide"], ["Fuel", "number"]];

const runRow = (run) =>
  h("tr", {},
    h("td", { class: "soft" }, time(run.at_ms)),
    h("td", {}, status(run)),
    h("td", { class: "path" }, h("a", { href: `#/runs/${run.run}`, class: "mono" }, run.request), run.wrote && h("span", { class: "soft" }, " writes")),
    h("td", { class: "wide" }, run.name ? h("a", { href: programHref(run) }, `${run.name}@${run.release}`) : h("code", {}, short(run.bundle))),
    h("td", { class: "wide soft" }, run.cache),
    h("td", { class: "number" }, count(run.fuel_used)));

// ---- what is measured while the page is open

const rates = [];
let before = null;

function measure(health) {
  const answers = health.cache_hits + health.cache_misses;
  const now = performance.now();
  if (before && answers >= before.answers) {
    rates.push(((answers - before.answers) * 1000) / Math.max(1, now - before.now));
    if (rates.length > SAMPLES) rates.shift();
  }
  before = { answers, now };
}

// ---- what happens, as it happens: while a page shows it, its turn comes with each event and not only with the clock

const EVENTS = {
  All: ["started", "stopping", "published", "rolled_back", "publish_refused", "undone", "imported", "backed_up", "log_level", "trapped", "limit", "failed", "store_failed", "differed"],
  "Limits hit": ["limit"],
  "Gone wrong": ["trapped", "failed", "publish_refused", "store_failed", "differed"],
  Changes: ["published", "rolled_back", "undone", "imported", "backed_up", "log_level", "started", "stopping"],
};
const SOON_MS = 250;
let shown = "All";
let isLive = false;
let cursor = "";
let listening = null;
let soon = null;

const live = () => h("span", { class: isLive ? "live on" : "live", role: "status" }, isLive ? "live" : "every 2 s");
const isFollowed = () => token && !document.hidden && /^#\/(runs|events)$/.test(location.hash);

function happened() {
  soon ??= setTimeout(() => {
    soon = null;
    if (isFollowed()) show();
  }, SOON_MS);
}

/// Reads events until the node or the page has no more of them.
async function read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const id = /^id: ?(.*)$/m.exec(part);
      if (!id) continue;
      cursor = id[1];
      happened();
    }
  }
}

async function listen() {
  if (isFollowed() && !listening) {
    listening = new AbortController();
    try {
      const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" };
      if (cursor) headers["last-event-id"] = cursor;
      const answer = await fetch("/v1/events", { headers, cache: "no-store", signal: listening.signal });
      if (answer.ok) {
        isLive = true;
        happened();
        await read(answer.body);
      }
    } catch {
      // The page went on, or the node is away: the clock's turn tells.
    }
    listening = null;
    isLive = false;
  }
  setTimeout(listen, EVERY_MS / 2);
}

const unfollow = () => {
  if (!isFollowed()) listening?.abort();
};
addEventListener("hashchange", unfollow);
addEventListener("visibilitychange", unfollow);

// ---- pages: each reads what it needs and gives its elements

let filter = "";

const pages = {
  async programs() {
    const [{ programs }, { runs }, health] = await Promise.all([ask("programs"), ask(`runs?count=${LISTED}`), ask("health")]);
    const answers = health.cache_hits + health.cache_misses;
    const rows = programs.map((program) => {
      const own = runs.filter((run) => run.address === program.address && run.name === program.name);
      const traps = own.filter((run) => run.trap).length;
      const fuel = median(own.map((run) => run.fuel_used));
      return h("tr", {},
        h("td", {}, h("a", { href: programHref(program) }, program.name), h("div", { class: "soft mono" }, short(program.address))),
        h("td", {}, program.release),
        h("td", { class: "wide" }, program.kind),
        h("td", { class: "number" }, own.length),
        h("td", { class: "number" }, percent(own.filter((run) => run.cache === "hit").length, own.length)),
        h("td", { class: "number wide" }, fuel == null ? "–" : count(fuel)),
        h("td", { class: traps ? "number bad" : "number" }, traps),
        h("td", { class: "number" }, size(program.state_bytes)));
    });
    return [
      h("div", { class: "tiles" },
        tile((rates.at(-1) ?? 0).toFixed(1), "answers a second"),
        tile(percent(health.cache_hits, answers), "from the cache"),
        tile(count(health.runs), "runs since the start"),
        tile(count(health.traps), "of them trapped"),
        tile(`${health.running} / ${health.queued}`, "running / queued"),
        tile(health.writable ? "yes" : "no", "takes writes", !health.writable)),
      chart(rates),
      h("h2", {}, programs.length === 1 ? "One program" : `${count(programs.length)} programs`),
      table(
        [["Program"], ["Release"], ["Kind", "wide"], [`Of the last ${count(runs.length)}`, "number"], ["Hits", "number"], ["Fuel, median", "number wide"], ["Traps", "number"], ["Stores", "number"]],
        rows,
        "Nothing is published here yet. `copc publish PATH` does."),
    ];
  },

  async program(address, name) {
    const at = `${address}/${name}`;
    const [{ releases }, { runs }, state, { commits }, health] = await Promise.all([
      ask(`releases/${at}/list`), ask(`runs?program=${at}&count=50`), ask(`state/${at}`), ask(`state/${at}/history`), ask("health"),
    ]);
    const newest = releases[0];
    const url = `http://${name}-${address}.${health.public}/`;
    const undo = async (commit) => {
      if (!confirm(`Give the keys that commit ${commit.number} changed back what they held? This makes a new commit, which can be undone too.`)) return;
      try {
        await ask(`state/${at}/undo/${commit.number}`, "POST");
      } catch (error) {
        alert(error.message);
      }
      show();
    };
    const sides = (change) => [["-", change.before], ["+", change.after]].filter(([, value]) => value != null);
    return [
      h("h1", {}, name),
      definitions([
        ["Open", newest?.kind === "web" ? h("a", { href: url }, url) : null],
        ["Publisher", h("code", {}, address)],
        ["Release", newest ? `${newest.release}, ${moment(newest.time_ms)}` : "none"],
        ["May use", newest ? `${newest.capabilities.join(", ") || "its requests only"}; ${count(newest.fuel)} fuel and ${size(newest.memory_bytes)} a run` : null],
      ]),
      h("h2", {}, "Requests"),
      table(RUN_HEAD, runs.map(runRow), "None that is still remembered."),
      h("h2", {}, `What it stores: ${state.more ? "more than " : ""}${count(state.keys.length)} ${state.keys.length === 1 ? "key" : "keys"}, ${size(state.bytes)}`),
      table([["Key"], ["Value"]], state.keys.map((key) => h("tr", {}, h("td", {}, h("code", {}, key.key)), h("td", { class: "path" }, h("code", {}, key.value)))), "Nothing."),
      h("h2", {}, "What changed it"),
      table([["Commit"], ["When", "wide"], ["Run", "wide"], ["Change"], [""]],
        commits.map((commit) =>
          h("tr", {},
            h("td", {}, commit.number),
            h("td", { class: "soft wide" }, moment(commit.time_ms)),
            h("td", { class: "wide" }, commit.run ? h("a", { href: `#/runs/${commit.run}`, class: "mono" }, short(commit.run)) : h("span", { class: "soft" }, "time over")),
            h("td", { class: "path mono" }, commit.keys.map((change) => sides(change).map(([sign, value]) => h("div", { class: "change" }, `${sign} ${JSON.stringify(change.key)}: ${value}`)))),
            h("td", {}, h("button", { onclick: () => undo(commit) }, "Undo")))),
        "Nothing yet."),
      h("h2", {}, "Releases"),
      table([["Release"], ["Signed"], ["Bundle"], ["Size", "number"]],
        releases.map((release) =>
          h("tr", {}, h("td", {}, release.release), h("td", { class: "soft" }, moment(release.time_ms)), h("td", {}, h("code", {}, short(release.bundle))), h("td", { class: "number" }, size(release.bundle_bytes)))),
        "None."),
      h("pre", {}, `copc publish PATH --name ${name} --rehearse 500\ncopc rollback ${name}\ncopc state list ${name}`),
    ];
  },

  async runs() {
    const { runs } = await ask(`runs?count=${LISTED}`);
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (run) => `${run.request} ${run.name ?? ""}@${run.release ?? ""} ${run.status ?? ""} ${run.trap ?? ""} ${run.cache} ${run.run}`.toLowerCase();
    const found = runs.filter((run) => words.every((word) => text(run).includes(word)));
    return [
      h("h1", {}, "Requests", live()),
      h("div", { class: "bar" },
        h("input", { id: "filter", type: "search", placeholder: "path, program, status, trap, hit or miss …", "aria-label": "Search", value: filter, oninput: (event) => { filter = event.target.value; show(); } })),
      table(RUN_HEAD, found.map(runRow), runs.length ? "None of the last ones is like that." : "Nobody has asked for anything yet."),
    ];
  },

  async run(id) {
    const run = await ask(`runs/${id}/told`);
    return [
      h("h1", {}, h("span", { class: "mono" }, run.request)),
      definitions([
        ["Run", h("code", {}, run.run)],
        ["When", moment(run.at_ms)],
        ["Program", run.name ? h("a", { href: programHref(run) }, `${run.name}@${run.release}`) : h("code", {}, run.bundle)],
        ["Came out", [status(run), run.body_bytes == null ? "" : `, ${size(run.body_bytes)}`, run.cache === "hit" ? ", from the record of an earlier run" : ""]],
        ["Trap", run.trap_message ?? null],
        ["Fuel", `${count(run.fuel_used)} of ${count(run.fuel_limit)}`],
        ["Memory", `${size(run.peak_memory_bytes)} of ${size(run.memory_limit_bytes)}`],
      ]),
      h("h2", {}, `What it was told: ${run.answers.length} ${run.answers.length === 1 ? "answer" : "answers"}`),
      h("ol", { class: "told" },
        run.answers.map(({ question, answer }) =>
          h("li", { class: answer == null ? "private" : "" }, h("code", {}, question), h("span", { class: "answer mono" }, answer ?? "••• (the asker's own)")))),
      run.writes.length > 0 && [h("h2", {}, "What it wrote"), h("ol", { class: "told" }, run.writes.map((key) => h("li", {}, h("code", {}, key))))],
      run.log.length > 0 && [h("h2", {}, "Its log"), h("pre", {}, run.log.join("\n"))],
      h("h2", {}, "In a terminal"),
      h("pre", {}, `copc replay ${run.run}            # the same again, to the bit\ncopc replay ${run.run} --with .   # other code on the same answers`),
    ];
  },

  async events() {
    const kinds = EVENTS[shown];
    const { events, gap } = await ask(`events?count=${LISTED}&kind=${kinds.join(",")}`);
    const choose = (name) => h("button", { type: "button", id: `show-${name}`, "aria-pressed": String(name === shown), onclick: () => { shown = name; show(); } }, name);
    const row = (event) => {
      const [address, name] = (event.program ?? "").split("/");
      const left = event.left_out_before ? h("span", { class: "soft" }, ` (and ${count(event.left_out_before)} more before)`) : null;
      return h("tr", {},
        h("td", { class: "soft" }, h("span", { title: moment(event.time_ms) }, time(event.time_ms))),
        h("td", { class: `level-${event.level}` }, event.kind.replaceAll("_", " ")),
        h("td", { class: "path" }, event.run ? h("a", { href: `#/runs/${event.run}` }, event.text) : event.text, left),
        h("td", { class: "wide" }, name ? h("a", { href: programHref({ address, name }) }, name) : ""));
    };
    return [
      h("h1", {}, "Events", live()),
      h("div", { class: "chips", role: "group", "aria-label": "Which events" }, Object.keys(EVENTS).map(choose)),
      gap && h("p", { class: "soft" }, gap),
      table([["Time"], ["What"], [""], ["Program", "wide"]], events.reverse().map(row), "None since the node was started, as far as it remembers."),
      h("pre", {}, "copd events --follow\ncopd logs --follow --program NAME"),
    ];
  },

  async node() {
    const [health, log] = await Promise.all([ask("health"), ask("log-level")]);
    const setLevel = async (event) => {
      // What has the focus is left alone by the clock.
      event.target.blur();
      try {
        await ask(`log-level?level=${event.target.value}`, "POST");
      } catch (error) {
        alert(error.message);
      }
      show();
    };
    const names = {
      node: "Version", public: "Serves at", engine: "Engine", store_bytes: "Store", cache_bytes: "Cache", workers: "Workers", running: "Running",
      queued: "Queued", waiting: "Waiting", runs: "Runs since the start", traps: "Trapped", refused: "Refused", cache_hits: "Cache hits", cache_misses: "Cache misses",
      disagreements: "Disagreements", compiled_functions: "Functions compiled",
    };
    const value = (name, value) => (name.endsWith("_bytes") ? size(value) : typeof value === "number" ? count(value) : typeof value === "boolean" ? (value ? "yes" : "no") : String(value));
    const flat = Object.entries(health).filter(([, value]) => typeof value !== "object");
    const level = h("select", { id: "log-level", "aria-label": "Level of the log", onchange: setLevel },
      ["error", "warn", "info", "debug"].map((name) => h("option", { value: name, selected: name === log.level }, name)));
    return [
      h("h1", {}, "Node"),
      health.disagreements > 0 && h("p", { class: "warn" }, "Two runs that were told the same came out differently: a defect of an engine. Please report it."),
      definitions([["Log", level], ...flat.map(([name, given]) => [names[name] ?? name.replaceAll("_", " "), value(name, given)])]),
    ];
  },
};

// ---- which page, and its turns

function route() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  if (parts[0] === "programs" && parts.length === 3) return ["programs", () => pages.program(parts[1], parts[2])];
  if (parts[0] === "runs" && parts[1]) return ["runs", () => pages.run(parts[1])];
  if (parts[0] === "runs") return ["runs", pages.runs];
  if (parts[0] === "events") return ["events", pages.events];
  if (parts[0] === "node") return ["node", pages.node];
  return ["programs", pages.programs];
}

const main = document.getElementById("main");
const light = document.getElementById("light");
let turn = 0;

function tell(isWell, text) {
  light.className = isWell ? "well" : "badly";
  light.setAttribute("aria-label", text);
  light.title = text;
}

function login(why) {
  const field = h("input", { type: "password", "aria-label": "Token", placeholder: "64 hexadecimal digits", autocomplete: "off", required: true });
  const enter = (event) => {
    event.preventDefault();
    token = field.value.trim();
    sessionStorage.setItem("token", token);
    show();
  };
  return [
    h("h1", {}, "Whose node is this?"),
    h("p", {}, "The owner's token lies in the file ", h("code", {}, "token"), " of the node's data folder. ", h("code", {}, "copd ui"), " prints a link to this page that has it."),
    why && h("p", { class: "warn" }, why),
    h("form", { onsubmit: enter }, field, h("button", {}, "Enter")),
  ];
}

/// Replaces what is shown; the row or field that had the focus keeps it.
function put(elements) {
  const active = document.activeElement;
  const kept = active && main.contains(active) ? active.getAttribute("href") ?? active.id : null;
  const selection = active?.id === "filter" ? [active.selectionStart, active.selectionEnd] : null;
  main.replaceChildren(...[elements].flat(9).filter(Boolean));
  if (!kept) return;
  const again = document.getElementById(kept) ?? [...main.querySelectorAll("a")].find((link) => link.getAttribute("href") === kept);
  again?.focus({ preventScroll: true });
  if (selection) again?.setSelectionRange(...selection);
}

async function show() {
  const mine = ++turn;
  const [page, make] = route();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    if (!token) throw Object.assign(new Refused(""), { status: 403 });
    const elements = await make();
    if (mine === turn) put(elements);
  } catch (error) {
    if (mine !== turn) return;
    if (error instanceof Refused && error.status === 403) put(login(token && "This token is not that of the node."));
    else if (error instanceof Refused) put([h("h1", {}, "Not here"), h("p", {}, error.message), h("p", {}, h("a", { href: "#/" }, "All programs"))]);
    else tell(false, "the node does not answer");
  }
}

async function follow() {
  if (token && !document.hidden) {
    try {
      const health = await ask("health");
      document.getElementById("node").textContent = health.node;
      measure(health);
      tell(health.writable && health.disagreements === 0, health.writable ? "it works" : "it takes no writes");
      // A run does not change any more; all else does.
      const isChosen = document.activeElement?.tagName === "SELECT";
      if (!/^#\/runs\/./.test(location.hash) && !main.querySelector("form") && !isChosen) await show();
    } catch {
      tell(false, "the node does not answer");
    }
  }
  setTimeout(follow, EVERY_MS);
}

addEventListener("hashchange", () => {
  show();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});

addEventListener("keydown", (event) => {
  if (event.target.matches?.("input") || event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key === "Escape") event.target.blur?.();
    return;
  }
  const links = [...main.querySelectorAll("tbody a")].filter((link, index, all) => index === 0 || link.closest("tr") !== all[index - 1].closest("tr"));
  const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const go = { 1: "#/", 2: "#/runs", 3: "#/events", 4: "#/node" }[event.key];
  if (go) location.hash = go;
  else if (event.key === "j") links[Math.min(at + 1, links.length - 1)]?.focus();
  else if (event.key === "k") links[Math.max(at - 1, 0)]?.focus();
  else if (event.key === "/") {
    event.preventDefault();
    if (document.getElementById("filter")) document.getElementById("filter").focus();
    else {
      location.hash = "#/runs";
      setTimeout(() => document.getElementById("filter")?.focus(), 200);
    }
  }
});

show();
follow();
listen();

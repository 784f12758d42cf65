// The page at `/`: statistics by server-sent events, the rest asked for each second.
// Whatever comes from the server is put in as text, never as HTML.
"use strict";

const EACH_MS = 1000;
const AGAIN_MS = 2000;
const SHOWN_RESULTS = 10;
const SHOWN_CHARACTERS = 400;

const byId = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
const times = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const statistics = new Map();
let resultsTotal = 0;

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

function shown(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return numbers.format(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function moment(text) {
  return text ? times.format(new Date(text)) : "–";
}

function distance(text) {
  if (!text) return "–";
  const seconds = Math.round((new Date(text) - Date.now()) / 1000);
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const [size, unit] = units.find(([length]) => Math.abs(seconds) >= length) ?? [1, "s"];
  const count = Math.round(Math.abs(seconds) / size);
  return seconds >= 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`;
}

function tell(is, words) {
  const state = byId("state");
  if (state.textContent !== words) state.textContent = words;
  state.dataset.is = is;
}

function fill(id, rows, columns, nothing) {
  const body = byId(id);
  if (rows.length) {
    body.replaceChildren(...rows);
    return;
  }
  const cell = make("td", "quiet", nothing);
  cell.colSpan = columns;
  body.replaceChildren(make("tr", "", cell));
}

// Statistics ---------------------------------------------------------------------

function card(view) {
  const lines = [
    make("p", "name", view.name),
    make("p", "value", shown(view.value)),
    make("p", "more", `${view.kind} of ${view.stream}, ${numbers.format(view.events)} events`),
  ];
  if (view.replaying) {
    const { done, total } = view.replaying;
    lines.push(make("p", "more", `taking up the past: ${numbers.format(done)} of ${numbers.format(total)}`));
  }
  if (view.error) lines.push(make("p", "bad", view.error));
  return make("div", "card", ...lines);
}

function showStatistics() {
  if (!statistics.size) return;
  byId("statistics").replaceChildren(...[...statistics.values()].map(card));
}

function follow() {
  const source = new EventSource("/statistics/live");
  source.addEventListener("statistic", (event) => {
    const view = JSON.parse(event.data);
    statistics.set(view.name, view);
    showStatistics();
  });
  source.onerror = () => {
    // It comes back by itself, unless the server answered with an error.
    if (source.readyState !== EventSource.CLOSED) return;
    source.close();
    setTimeout(follow, AGAIN_MS);
  };
}

// What is asked for each second --------------------------------------------------

async function ask(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

async function showRate() {
  const { rate, history } = await (await ask("/rate").catch((error) => {
    // An old number would look like a server that is still at work.
    byId("rate").textContent = "–";
    throw error;
  })).json();
  const peak = Math.max(...history, 1);
  const step = 240 / (history.length - 1);
  const points = history.map((each, index) =>
    `${(index * step).toFixed(1)},${(46 - (each / peak) * 44).toFixed(1)}`);
  byId("curve").firstElementChild.setAttribute("points", points.join(" "));
  byId("rate").textContent = numbers.format(rate);
  byId("peak").textContent = numbers.format(Math.max(...history));
}

async function showWorkers() {
  const { workers } = await (await ask("/workers?active=true")).json();
  const shards = new Map();
  for (const worker of workers) {
    shards.set(worker.shard_id, [...(shards.get(worker.shard_id) ?? []), worker]);
  }
  const rows = [...shards.entries()].sort(([a], [b]) => a - b).map(([shard, members]) => {
    const chips = members.map((worker) => {
      const chip = make("span", "worker", numbers.format(worker.events_count));
      chip.title = `worker ${worker.id}, since ${moment(worker.created_at)}`;
      return chip;
    });
    const folded = members.reduce((sum, worker) => sum + worker.events_count, 0);
    return make("tr", "", make("td", "", shard), make("td", "", ...chips),
      make("td", "right", numbers.format(folded)));
  });
  fill("workers", rows, 3, "none at work; they come with the next events");
}

function fares(job) {
  const words = [job.last_outcome, job.last_delivery].filter(Boolean);
  const isBad = job.last_outcome === "failed" || job.last_delivery === "undelivered";
  return make("td", isBad ? "bad" : "", words.join(", ") || "–");
}

async function showJobs() {
  const answer = await ask("/jobs?limit=20");
  const jobs = await answer.json();
  const total = Number(answer.headers.get("X-Total-Count"));
  byId("jobs-count").textContent = total > jobs.length ? `first ${jobs.length} of ${total}` : "";
  fill("jobs", jobs.map((job) => {
    const next = make("td", "", job.paused ? "paused" : distance(job.next_run));
    next.title = moment(job.next_run);
    const last = make("td", "", distance(job.last_run));
    last.title = moment(job.last_run);
    return make("tr", "", make("td", "", job.id), make("td", "", job.schedule), next, last, fares(job));
  }), 5, "none yet");
}

async function showResults() {
  const after = Math.max(0, resultsTotal - SHOWN_RESULTS);
  const answer = await ask(`/result?limit=1000&after=${after}`);
  resultsTotal = Number(answer.headers.get("X-Total-Count"));
  const results = (await answer.json()).slice(-SHOWN_RESULTS).reverse();
  byId("results-count").textContent = resultsTotal ? `of ${numbers.format(resultsTotal)}` : "";
  const lines = results.map((result) => {
    const text = JSON.stringify(result);
    const cut = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)} …` : text;
    return make("li", "", make("code", "", cut));
  });
  byId("results").replaceChildren(...(lines.length ? lines : [make("li", "quiet", "none yet")]));
}

async function showHealth() {
  const answer = await fetch("/health/ready");
  const { reasons = [] } = await answer.json();
  if (answer.ok) tell("live", "live");
  else tell("trouble", reasons.join(" ") || "not ready");
}

async function look() {
  if (!document.hidden) {
    const looks = [showHealth(), showRate(), showWorkers(), showJobs(), showResults()];
    const failed = (await Promise.allSettled(looks)).some((each) => each.status === "rejected");
    if (failed) tell("waiting", "the server is away; trying again …");
  }
  setTimeout(look, EACH_MS);
}

follow();
look();

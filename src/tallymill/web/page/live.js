// The page's list of events as they come, with its filter by stream and subjects.
// Whatever comes from the server is put in as text, never as HTML.
"use strict";

(() => {
  const SHOWN = 100;
  const SHOWN_CHARACTERS = 400;
  const TYPING_MS = 400;
  const AGAIN_MS = 2000;
  const HIDDEN_MS = 10000;

  const form = document.getElementById("live-filter");
  const list = document.getElementById("live-events");
  const state = document.getElementById("live-state");
  const pause = document.getElementById("live-pause");
  const clock = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3,
  });
  const waiting = [];
  let source = null;
  let lastId = "";
  let isPaused = false;
  let isDrawing = false;

  function line(className, ...cells) {
    const row = document.createElement("li");
    row.className = className;
    for (const [name, text] of cells) {
      const cell = document.createElement("span");
      cell.className = name;
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  }

  function eventLine(text) {
    const told = JSON.parse(text);
    const data = told.data === undefined ? "" : JSON.stringify(told.data);
    const cut = data.length > SHOWN_CHARACTERS ? `${data.slice(0, SHOWN_CHARACTERS)} …` : data;
    const at = new Date(told.timestamp);
    const row = line("event",
      ["time", Number.isNaN(at.getTime()) ? told.timestamp : clock.format(at)],
      ["subject", told.subject ?? ""], ["data", cut], ["instance", told.instance ?? ""]);
    row.title = `${told.timestamp}, stream ${told.stream}, shard ${told.shard_id}, offset ${told.offset}`;
    return row;
  }

  function add(make) {
    // Only what will be seen is made, however many come.
    waiting.push(make);
    if (waiting.length > SHOWN) waiting.shift();
    if (isPaused || isDrawing) return;
    isDrawing = true;
    requestAnimationFrame(draw);
  }

  function draw() {
    isDrawing = false;
    list.prepend(...waiting.splice(0).map((make) => make()).reverse());
    while (list.children.length > SHOWN) list.lastElementChild.remove();
  }

  function address() {
    const asked = new URLSearchParams({ stream: form.elements.stream.value.trim() || "accounts" });
    const subjects = form.elements.subjects.value.split(/[\s,]+/).filter(Boolean);
    for (const subject of subjects) asked.append("subject", subject);
    if (lastId) asked.set("after", lastId);
    return `/events/live?${asked}`;
  }

  function open() {
    close();
    const opened = source = new EventSource(address());
    state.textContent = "connecting …";
    opened.onopen = () => { state.textContent = "live"; };
    opened.onmessage = (event) => {
      lastId = event.lastEventId;
      add(() => eventLine(event.data));
    };
    opened.addEventListener("gap", (event) => {
      lastId = event.lastEventId;
      const { reason } = JSON.parse(event.data);
      add(() => line("gap", ["data", `Some events are missing here. ${reason}`]));
    });
    opened.onerror = () => {
      state.textContent = "connecting again …";
      // It comes back by itself, with its last id, unless it was refused.
      if (opened.readyState === EventSource.CLOSED) tellRefusal(opened);
    };
  }

  async function tellRefusal(refused) {
    let words = "the server is away; trying again …";
    try {
      const control = new AbortController();
      const answer = await fetch(address(), { signal: control.signal });
      if (answer.ok) control.abort();
      else words = (await answer.json()).detail ?? words;
    } catch { /* the words stand */ }
    if (refused !== source) return;
    state.textContent = words;
    setTimeout(() => { if (refused === source) open(); }, AGAIN_MS);
  }

  function close() {
    source?.close();
    source = null;
  }

  function later(action, waitMs) {
    let timer = 0;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(action, waitMs);
    };
  }

  const reopen = later(() => {
    lastId = "";
    waiting.length = 0;
    list.replaceChildren();
    open();
  }, TYPING_MS);

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", reopen);
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(isPaused));
    if (!isPaused) draw();
  });
  // A browser has six connections to a server, for all of its tabs.
  const rest = later(() => { if (document.hidden) close(); }, HIDDEN_MS);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) rest();
    else if (source === null) open();
  });
  open();
})();

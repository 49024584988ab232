// The agents' desk: it looks again when the stream says that something changed, obeys the keys of the
// registry, keeps drafts, and waits six seconds before it resolves or gives back, so that it can be undone.
"use strict";

(() => {
  const desk = document.getElementById("desk");
  const words = JSON.parse(desk.dataset.words);
  const keys = JSON.parse(desk.dataset.keys);
  const find = (selector) => document.querySelector(selector);
  const toast = window.huifang.toast;
  const UNDO_MS = 6000;
  const TICK_MS = 20000; // waiting times grow without a reload

  const kept = { // what a browser may refuse to keep lives as long as the page
    memory: new Map(),
    get(key) { try { return localStorage.getItem(key) ?? this.memory.get(key) ?? null; } catch { return this.memory.get(key) ?? null; } },
    set(key, value) { this.memory.set(key, value); try { localStorage.setItem(key, value); } catch { /* kept in memory */ } },
    drop(key) { this.memory.delete(key); try { localStorage.removeItem(key); } catch { /* nothing was kept */ } },
  };

  const openCase = () => find(".conversation")?.dataset.case || "";
  const openConversation = () => find(".conversation")?.dataset.conversation || "";
  const tab = () => find("#queue nav")?.dataset.tab || "inbox";

  // ── looking again ────────────────────────────────────────────────────────────────────────────
  const refreshQueue = () => htmx.trigger("#queue", "refresh");
  const refreshCase = () => { if (find("#transcript")) htmx.trigger("#transcript", "refresh"); };
  const refresh = () => { refreshQueue(); refreshCase(); };

  const shown = new Map(); // the last answer for each element: what is the same is not drawn again
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id === "queue") Object.assign(event.detail.parameters, { tab: tab(), case: openCase() });
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail, elt = event.detail.requestConfig.elt;
    if (target?.id === "composer" || target?.id === "case") {
      if (target.id === "composer") writer = { form: target.querySelector("form:not([hidden])")?.id, within: target.contains(document.activeElement) };
      if ([409, 422].includes(xhr.status)) { event.detail.shouldSwap = true; event.detail.isError = false; }
      return;
    }
    if (elt.id !== "queue" && elt.id !== "transcript") return;
    const key = `${elt.id} ${event.detail.pathInfo.finalRequestPath}`;
    if (elt.dataset.drawn === key && shown.get(elt.id) === xhr.responseText) { event.detail.shouldSwap = false; return; }
    shown.set(elt.id, xhr.responseText);
    elt.dataset.drawn = key;
    if (elt.id === "transcript") elt.dataset.follow = elt.scrollHeight - elt.scrollTop - elt.clientHeight < 120 ? "yes" : "";
    if (elt.id === "queue") elt.dataset.focus = document.activeElement?.closest("#queue [id]")?.id || "";
    if (elt.id === "queue") elt.dataset.top = elt.querySelector(".scroll")?.scrollTop || 0;
  });
  // At the swap and not at the settling after it: a key pressed in between would go nowhere.
  document.addEventListener("htmx:afterSwap", (event) => {
    const { target } = event.detail;
    if (target.id === "queue") afterQueue();
    else if (target.id === "transcript") afterTranscript();
    else if (target.id === "case") afterCase();
    else if (target.id === "composer") afterComposer();
  });
  document.addEventListener("desk:refresh", refresh);
  document.addEventListener("desk:toast", (event) => toast(event.detail.text));

  function afterQueue() {
    const queue = find("#queue");
    if (queue.dataset.top) queue.querySelector(".scroll").scrollTop = Number(queue.dataset.top);
    if (queue.dataset.focus) document.getElementById(queue.dataset.focus)?.focus({ preventScroll: true });
    markOpen(); // the list may have been asked for before the case was opened
    countWaiting();
  }
  function afterTranscript() {
    const box = find("#transcript");
    if (box.dataset.follow) box.scrollTop = box.scrollHeight;
    announce();
    if (find("#case-head").dataset.state !== find("#composer").dataset.state) htmx.trigger("#composer", "refresh");
  }
  function afterCase() {
    going = "";
    const box = find("#transcript");
    if (box) box.scrollTop = box.scrollHeight;
    newest = Number(find("#seen")?.value || 0);
    markOpen();
    restoreDrafts();
    desk.classList.remove("with-side");
    countWaiting();
    if (document.activeElement === document.body) find("#line-" + CSS.escape(openCase()))?.focus({ preventScroll: true });
    if (wanted) acts[wanted]();
    wanted = "";
  }
  let writer = {}; // what was being written in when the box is drawn again
  function afterComposer() {
    const box = find("#composer");
    restoreDrafts();
    if (!sending && writer.form && document.getElementById(writer.form)) show(document.getElementById(writer.form));
    if (box.dataset.status === "200" && sending) {
      toast(sending === "reply" ? words.sent : words.noted, undefined, 1500);
      refresh();
    }
    if (sending || writer.within) (box.querySelector("form:not([hidden]) textarea") || box).focus();
    sending = "";
    writer = {};
  }
  let newest = 0;
  function announce() {
    const last = [...document.querySelectorAll("#transcript .turn.person")].at(-1);
    if (!last || Number(last.dataset.id) <= newest) return;
    newest = Number(last.dataset.id);
    find("#announce").textContent = last.querySelector(".bubble").textContent;
  }
  function markOpen() {
    for (const line of document.querySelectorAll("#queue .line")) {
      if (line.dataset.case === openCase()) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    }
  }

  // ── new cases: title, sound, notice ──────────────────────────────────────────────────────────
  const known = new Set();
  let first = true;
  function countWaiting() {
    const waiting = Number(find("#queue nav").dataset.waiting);
    const title = document.title.replace(/^\(\d+\) /, "");
    document.title = waiting ? `(${waiting}) ${title}` : title;
    const fresh = [...document.querySelectorAll('#queue .line[data-group="waiting"]')].filter((line) => !known.has(line.dataset.case));
    for (const line of fresh) known.add(line.dataset.case);
    if (!first && fresh.length && tab() !== "ended") {
      const line = fresh.at(-1);
      beep();
      const name = line.querySelector("b").textContent, reason = line.querySelector(".badge").textContent;
      toast(`${words.newCase}: ${name} · ${reason}`, { label: words.open, run: () => find("#" + CSS.escape(line.id))?.click() });
    }
    first = false;
  }

  const soundKey = "huifang.desk.sound";
  const sound = find("#sound");
  const soundOn = () => kept.get(soundKey) !== "off";
  let audio = null;
  sound.setAttribute("aria-pressed", String(soundOn()));
  sound.addEventListener("click", () => {
    kept.set(soundKey, soundOn() ? "off" : "on");
    sound.setAttribute("aria-pressed", String(soundOn()));
    beep();
  });
  // A browser lets a page sound only after it was used.
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => { audio ??= new AudioContext(); audio.resume(); }, { once: true, capture: true });
  function beep() {
    desk.dataset.beeps = Number(desk.dataset.beeps || 0) + (soundOn() ? 1 : 0);
    if (!soundOn() || audio?.state !== "running") return;
    [[660, 0], [880, 0.14]].forEach(([pitch, at]) => {
      const tone = audio.createOscillator(), volume = audio.createGain(), start = audio.currentTime + at;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, start);
      volume.gain.exponentialRampToValueAtTime(0.12, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.13);
      tone.connect(volume).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.15);
    });
  }

  // ── the stream ───────────────────────────────────────────────────────────────────────────────
  let banner = null;
  function online(yes) {
    if (yes) { banner?.remove(); banner = null; return; }
    if (banner) return;
    banner = document.createElement("p");
    banner.className = "notice waiting offline";
    banner.setAttribute("role", "status");
    banner.textContent = words.offline;
    document.querySelector("main").prepend(banner);
  }
  let stream = null, retry = 0;
  function listen() {
    stream?.close();
    stream = new EventSource("/desk/events");
    stream.addEventListener("everything", () => { online(true); refresh(); });
    stream.addEventListener("changed", (event) => {
      refreshQueue();
      if (JSON.parse(event.data).includes(openConversation())) refreshCase();
    });
    stream.addEventListener("signed-out", () => { stream.close(); location.reload(); });
    stream.addEventListener("error", () => {
      online(false);
      clearTimeout(retry);
      if (stream.readyState === EventSource.CLOSED) retry = setTimeout(listen, 3000);
    });
  }
  listen();
  setInterval(() => { if (!document.hidden) refresh(); }, TICK_MS);

  // ── drafts ───────────────────────────────────────────────────────────────────────────────────
  const draftKey = (form) => `huifang.draft.${form.closest("#composer").dataset.case}.${form.id}`;
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("#composer form");
    if (!form) return;
    if (event.target.value) kept.set(draftKey(form), event.target.value);
    else kept.drop(draftKey(form));
  });
  function restoreDrafts() {
    for (const form of document.querySelectorAll("#composer form")) {
      const text = form.querySelector("textarea");
      if (!text.value) text.value = kept.get(draftKey(form)) || "";
    }
  }
  let sending = "";
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt: form, xhr, requestConfig } = event.detail;
    if (!form.matches("#composer form")) return;
    sending = form.id === "reply-form" ? "reply" : "note";
    const key = draftKey(form), sent = requestConfig.parameters.text, text = form.querySelector("textarea");
    // Of the request itself, as the case may be left before the answer comes, and before it is drawn.
    xhr.addEventListener("readystatechange", () => {
      if (xhr.readyState !== XMLHttpRequest.DONE) return;
      if (xhr.status === 200 && text.value === sent) kept.drop(key);
      else if (xhr.status === 200) kept.set(key, text.value.startsWith(sent) ? text.value.slice(sent.length).trimStart() : text.value);
      else if (!form.isConnected) toast(words.notSent);
      if (!form.isConnected) sending = "";
    });
  });

  function show(form) {
    for (const other of document.querySelectorAll("#composer form")) other.hidden = other !== form;
    for (const button of document.querySelectorAll("#composer .segmented button")) button.setAttribute("aria-pressed", String(`${button.dataset.act}-form` === form.id));
  }
  function write(mode) {
    const form = find(`#${mode}-form`);
    if (!form) return;
    show(form);
    const text = form.querySelector("textarea");
    text.focus();
    text.setSelectionRange(text.value.length, text.value.length);
  }

  // ── resolve and give back: six seconds to change one's mind ──────────────────────────────────
  let later = null;
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-later]");
    if (!form) return;
    event.preventDefault();
    form.closest("details")?.removeAttribute("open");
    commit();
    const body = new URLSearchParams(new FormData(form));
    body.set("seen", find("#seen").value);
    const close = toast(words[form.dataset.later], { label: words.undo, run: undo }, UNDO_MS);
    later = { url: form.action, body, close, timer: setTimeout(commit, UNDO_MS) };
    find(".conversation").classList.add("leaving");
  });
  function undo() {
    if (!later) return;
    clearTimeout(later.timer);
    later.close();
    later = null;
    find(".conversation")?.classList.remove("leaving");
    toast(words.undone);
  }
  async function commit() {
    if (!later) return;
    const { url, body, close, timer } = later;
    clearTimeout(timer);
    close();
    later = null;
    const answer = await fetch(url, { method: "POST", body, keepalive: true, headers: { "HX-Request": "true" } }).catch(() => null);
    find(".conversation")?.classList.remove("leaving");
    if (!answer?.ok) toast(answer ? (await answer.json().catch(() => ({}))).detail || answer.statusText : words.offline);
    refresh();
  }
  addEventListener("pagehide", commit); // leaving the page is no undo

  // ── keys ─────────────────────────────────────────────────────────────────────────────────────
  // While a case is on its way, the keys that act on a case wait for it: typed on, an answer's letters
  // would else act on the case before.
  let going = "", wanted = "";
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target?.id === "case") going = event.detail.elt.dataset.case || openCase();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.target?.id === "case" && event.detail.failed && event.detail.xhr.status !== 409) going = wanted = "";
  });
  document.addEventListener("htmx:sendError", () => { going = wanted = ""; });
  const lines = () => [...document.querySelectorAll("#queue .line")];
  function move(step) {
    const all = lines(), at = all.findIndex((line) => line.dataset.case === (going || openCase()));
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step];
    if (!next) return;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    next.click();
  }
  const press = (act) => find(`#case-head [data-act="${act}"]`)?.click();
  const acts = {
    next: () => move(1),
    previous: () => move(-1),
    claim: () => press("claim"),
    reply: () => write("reply"),
    note: () => write("note"),
    send: () => document.activeElement.form?.matches("#composer form") && document.activeElement.form.requestSubmit(),
    resume: () => press("resume"),
    resolve: () => press("resolve"),
    undo,
    details: () => desk.classList.toggle(matchMedia("(max-width: 1180px)").matches ? "with-side" : "no-side"),
    leave: leave,
    help: () => find("#help").open || find("#help").showModal(),
  };
  function leave() {
    const menu = find("details.menu[open]");
    if (menu) { menu.removeAttribute("open"); menu.querySelector("summary").focus(); return; }
    if (desk.classList.contains("with-side")) { desk.classList.remove("with-side"); return; }
    if (document.activeElement.closest("#composer")) find("#transcript").focus();
    else find('#queue .line[aria-current]')?.focus();
  }
  const byKey = new Map(keys.map((one) => [one.key, one.act]));
  document.addEventListener("keydown", (event) => {
    // While an input method composes, every key is its own; keyCode 229 is how Safari says so.
    if (event.isComposing || event.keyCode === 229 || event.altKey || event.getModifierState("AltGraph")) return;
    if (find("dialog[open]")) return;
    const typing = event.target.closest?.("input, textarea, select, [contenteditable], #composer");
    const mod = event.ctrlKey || event.metaKey;
    const act = byKey.get((mod ? "Mod+" : "") + event.key);
    if (!act || event.repeat || (typing && !mod && event.key !== "Escape")) return;
    event.preventDefault();
    if (!going || ["next", "previous", "undo", "help", "leave"].includes(act)) acts[act]();
    else if (["reply", "note"].includes(act)) wanted = act;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button && ["reply", "note", "details", "help"].includes(button.dataset.act)) acts[button.dataset.act]();
    const menu = find("details.menu[open]");
    if (menu && !menu.contains(event.target)) menu.removeAttribute("open");
  });

  const start = find("#transcript");
  if (start) start.scrollTop = start.scrollHeight;
  newest = Number(find("#seen")?.value || 0);
  restoreDrafts();
  countWaiting();
})();

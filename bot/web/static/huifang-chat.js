// <huifang-chat>: the web chat as a custom element. One file, no dependencies, its own shadow DOM, so
// that it works on any page, also under a strict Content-Security-Policy.
//   <script type="module" src="https://HOST/static/huifang-chat.js"></script>
//   <huifang-chat server="https://HOST" start="TOKEN" locale="zh" mode="launcher"></huifang-chat>
// server: where Huifang runs (default: where this file came from) · start: the token of a start link ·
// locale: zh or en (default: the page's language) · mode: "page" (default) or "launcher".

const HERE = new URL(import.meta.url).origin;

const WORDS = {
  zh: { title: "在线回访", placeholder: "输入消息…", send: "发送", open: "打开聊天", close: "收起聊天", log: "聊天记录", offline: "网络断开了，恢复后会自动发送。", connecting: "正在连接…", failed: "没有发出去，正在重试", refused: "没有发出去：", you: "您", bot: "自动助手", agent: "同事", typing: "正在输入", newer: "有新消息", today: "今天", yesterday: "昨天", tooLong: "消息太长了，请分几次发送。", over: "这个聊天已经结束，请重新打开页面。", voice: "［语音］", media: "［文件］" },
  en: { title: "Follow-up chat", placeholder: "Write a message…", send: "Send", open: "Open the chat", close: "Close the chat", log: "Conversation", offline: "You are offline. Your messages will be sent when the network is back.", connecting: "Connecting…", failed: "Not sent yet, trying again", refused: "Not sent: ", you: "You", bot: "Automated assistant", agent: "Colleague", typing: "is typing", newer: "New messages", today: "Today", yesterday: "Yesterday", tooLong: "This message is too long; please send it in parts.", over: "This chat is over; please open the page again.", voice: "[voice message]", media: "[attachment]" },
};

const STYLE = `
:host { --ground:#f3f5f6; --surface:#fff; --line:#dfe2e6; --ink:#16191d; --ink-2:#4b535c; --ink-3:#616a74; --accent:#0f766e; --accent-ink:#fff; --accent-text:#0b5d57; --mine:#0f766e; --mine-ink:#fff; --agent:#e4effb; --warn:#fdf0d9; --warn-ink:#7a4800;
  display:block; color:var(--ink); font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"PingFang SC","Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC","Noto Sans",sans-serif; -webkit-text-size-adjust:100%; }
@media (prefers-color-scheme: dark) { :host { --ground:#101315; --surface:#1d2226; --line:#2f363c; --ink:#eceff1; --ink-2:#b4bcc4; --ink-3:#98a1aa; --accent:#2dd4bf; --accent-ink:#06201d; --accent-text:#5eead4; --mine:#115e57; --mine-ink:#ecfffc; --agent:#1f3145; --warn:#35280f; --warn-ink:#f5b454; } }
:host([hidden]) { display:none; }
*, *::before { box-sizing:border-box; }
button { font:inherit; cursor:pointer; color:inherit; }
:focus-visible { outline:2px solid var(--accent); outline-offset:2px; }
.panel { display:flex; flex-direction:column; height:100%; min-height:0; background:var(--ground); overflow:hidden; }
.head { display:flex; align-items:center; gap:10px; padding:10px 16px; background:var(--surface); border-bottom:1px solid var(--line); }
.head b { font-weight:650; } .head small { display:block; color:var(--ink-3); font-size:12px; line-height:1.3; }
.mark { width:34px; height:34px; border-radius:50%; background:var(--accent); color:var(--accent-ink); display:grid; place-items:center; font-weight:700; flex:none; }
.head .close { margin-left:auto; border:0; background:none; width:36px; height:36px; border-radius:8px; font-size:20px; line-height:1; }
.log { flex:1; min-height:0; overflow-y:auto; padding:16px; display:flex; flex-direction:column; gap:6px; overscroll-behavior:contain; scroll-behavior:smooth; }
.day { align-self:center; color:var(--ink-3); font-size:12px; margin:8px 0; }
.turn { display:flex; flex-direction:column; align-items:flex-start; gap:6px; max-width:100%; }
.turn.person { align-items:flex-end; }
.who { color:var(--ink-3); font-size:12px; margin:6px 4px 0; }
.bubble { max-width:min(86%,34em); padding:9px 13px; border-radius:16px; background:var(--surface); border:1px solid var(--line); white-space:pre-wrap; overflow-wrap:anywhere; line-break:strict; border-bottom-left-radius:5px; }
.person .bubble { background:var(--mine); color:var(--mine-ink); border-color:transparent; border-radius:16px; border-bottom-right-radius:5px; }
.agent .bubble { background:var(--agent); border-color:transparent; }
.bubble a { color:inherit; }
.options { display:flex; flex-wrap:wrap; gap:8px; max-width:min(96%,36em); margin:2px 0 6px; }
.options button { min-height:40px; min-width:44px; padding:6px 14px; border-radius:20px; border:1.5px solid var(--accent); background:var(--surface); color:var(--accent-text); font-weight:550; text-align:center; }
.options button:hover { background:var(--accent); color:var(--accent-ink); }
.options.past button { border-color:var(--line); color:var(--ink-3); font-weight:400; min-height:32px; padding:2px 12px; }
.state { color:var(--ink-3); font-size:12px; margin-inline:4px; }
.typing { display:inline-flex; gap:4px; padding:13px; } .typing i { width:7px; height:7px; border-radius:50%; background:var(--ink-3); animation:blink 1.2s infinite; } .typing i:nth-child(2) { animation-delay:.2s; } .typing i:nth-child(3) { animation-delay:.4s; }
@keyframes blink { 0%,60%,100% { opacity:.25; } 30% { opacity:1; } }
.banner { background:var(--warn); color:var(--warn-ink); padding:6px 16px; font-size:13px; }
form { display:flex; align-items:flex-end; gap:8px; padding:10px 12px calc(10px + env(safe-area-inset-bottom)); background:var(--surface); border-top:1px solid var(--line); margin:0; }
textarea { flex:1; resize:none; font:inherit; font-size:16px; line-height:1.4; color:inherit; background:var(--ground); border:1px solid var(--line); border-radius:18px; padding:8px 14px; max-height:140px; min-height:40px; }
.send { flex:none; width:42px; height:42px; border-radius:50%; border:0; background:var(--accent); color:var(--accent-ink); display:grid; place-items:center; } .send:disabled { opacity:.45; cursor:default; }
.launch { position:fixed; inset-inline-end:20px; bottom:20px; width:58px; height:58px; border-radius:50%; border:0; background:var(--accent); color:var(--accent-ink); box-shadow:0 6px 24px rgb(0 0 0/.25); display:grid; place-items:center; z-index:2147483000; }
.launch .dot { position:absolute; top:2px; inset-inline-end:2px; width:14px; height:14px; border-radius:50%; background:#e5484d; border:2px solid var(--surface); }
:host([mode=launcher]) .panel { position:fixed; inset-inline-end:20px; bottom:90px; width:min(390px,calc(100vw - 24px)); height:min(640px,calc(100dvh - 110px)); border-radius:16px; border:1px solid var(--line); box-shadow:0 12px 48px rgb(0 0 0/.28); z-index:2147483000; }
@media (max-width:480px) { :host([mode=launcher]) .panel { inset:0; width:100vw; height:100dvh; border-radius:0; border:0; } }
[hidden] { display:none !important; }
.quiet { position:absolute; width:1px; height:1px; overflow:hidden; clip-path:inset(50%); }
@media (prefers-reduced-motion:reduce) { * { animation:none !important; scroll-behavior:auto !important; } }
`;

const ICONS = {
  send: "M3.7 20.3 21 12 3.7 3.7 3.5 10l10 2-10 2z",
  chat: "M4 5.5A1.5 1.5 0 0 1 5.5 4h13A1.5 1.5 0 0 1 20 5.5v9a1.5 1.5 0 0 1-1.5 1.5H9l-5 4z",
};

function make(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key in node && typeof value !== "string") node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of [["viewBox", "0 0 24 24"], ["width", "22"], ["height", "22"], ["aria-hidden", "true"]]) svg.setAttribute(key, value);
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

/** Text with its web addresses as links; nothing in it is markup. */
function linked(text) {
  const out = document.createDocumentFragment();
  let at = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'）。，、；！？]+/g)) {
    const url = match[0].replace(/[.,;:!?)]+$/, "");
    out.append(text.slice(at, match.index), make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url));
    at = match.index + url.length;
  }
  out.append(text.slice(at));
  return out;
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** What the browser remembers of a chat: the session, and what was written and not yet taken. */
class Memory {
  constructor(server) {
    this.key = `huifang:${server}`;
    try { this.data = JSON.parse(localStorage.getItem(this.key)) || {}; } catch { this.data = {}; }
  }
  set(change) {
    Object.assign(this.data, change);
    try { localStorage.setItem(this.key, JSON.stringify(this.data)); } catch { /* private mode: the chat lives as long as the page */ }
  }
}

class HuifangChat extends HTMLElement {
  connectedCallback() {
    this.stopped = false;
    if (this.shadowRoot) { if (this.begun) this.begin(); return; } // moved inside its page
    this.server = (this.getAttribute("server") || HERE).replace(/\/$/, "");
    const language = this.getAttribute("locale") || document.documentElement.lang || navigator.language;
    this.locale = language.toLowerCase().startsWith("zh") ? "zh" : "en";
    this.words = WORDS[this.locale];
    this.lang = this.locale === "zh" ? "zh-CN" : "en";
    this.memory = new Memory(this.server);
    this.last = 0;
    this.shown = new Map();
    this.build();
    if (this.getAttribute("mode") !== "launcher") this.begin();
    else if (this.memory.data.token || this.getAttribute("start")) this.toggle(Boolean(this.getAttribute("start")));
  }

  disconnectedCallback() {
    this.stopped = true;
    this.running = null;
    this.stream?.abort();
    this.again?.();
  }

  build() {
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const words = this.words;
    this.log = make("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": words.log, tabindex: "0" });
    this.banner = make("div", { class: "banner", role: "status", hidden: true });
    this.box = make("textarea", { rows: "1", placeholder: words.placeholder, "aria-label": words.placeholder, enterkeyhint: "send", maxlength: "60000" });
    this.button = make("button", { class: "send", type: "submit", "aria-label": words.send, disabled: true }, icon("send"));
    this.form = make("form", {}, this.box, this.button);
    const name = this.getAttribute("heading") || words.title;
    const head = make("div", { class: "head" }, make("span", { class: "mark", "aria-hidden": "true" }, name.slice(0, 1)), make("span", {}, make("b", {}, name), make("small", {}, words.bot)));
    this.panel = make("section", { class: "panel", "aria-label": name }, head, this.banner, this.log, this.form);
    root.append(this.panel);
    if (this.getAttribute("mode") === "launcher") this.buildLauncher(root, head);
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    this.box.addEventListener("input", () => this.resize());
    this.box.addEventListener("keydown", (event) => {
      // Enter chooses a candidate while an input method composes; keyCode 229 is how Safari says so.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) { event.preventDefault(); this.submit(); }
    });
    // A connection that outlived the cut may be dead without saying so: make a new one.
    addEventListener("online", () => { this.back = true; this.stream?.abort(); this.again?.(); });
    addEventListener("offline", () => this.tell(words.offline));
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.again?.(); });
  }

  buildLauncher(root, head) {
    this.panel.hidden = true;
    this.dot = make("span", { class: "dot", hidden: true });
    this.launcher = make("button", { class: "launch", type: "button", "aria-label": this.words.open, "aria-expanded": "false" }, icon("chat"), this.dot);
    const close = make("button", { class: "close", type: "button", "aria-label": this.words.close }, "×");
    head.append(close);
    close.addEventListener("click", () => { this.toggle(false); this.launcher.focus(); });
    this.launcher.addEventListener("click", () => this.toggle(this.panel.hidden));
    this.panel.addEventListener("keydown", (event) => { if (event.key === "Escape") { this.toggle(false); this.launcher.focus(); } });
    root.append(this.launcher);
  }

  toggle(open) {
    this.panel.hidden = !open;
    this.launcher.setAttribute("aria-expanded", String(open));
    this.launcher.setAttribute("aria-label", open ? this.words.close : this.words.open);
    this.dot.hidden = true;
    this.begin();
    if (open) { this.bottom(); this.box.focus(); }
  }

  // ── the connection ──

  begin() {
    if (this.running) return;
    this.begun = true;
    this.running = {};
    this.run(this.running);
  }

  /** One life of the connection; `mine` is another object once the element was moved or removed. */
  async run(mine) {
    let pause = 500;
    this.tell(this.words.connecting, 800);
    while (this.running === mine) {
      try {
        await this.openSession();
        this.flush();
        await this.listen();
        pause = 500;
      } catch (error) {
        if (error.status === 401) { this.memory.set({ token: "" }); this.opened = false; this.last = 0; continue; }
        if (error.status && error.status < 500 && error.status !== 429) { this.tell(error.message || this.words.over); return; }
        if (this.back) { this.back = false; continue; }
        this.tell(navigator.onLine ? this.words.connecting : this.words.offline, 800);
      }
      await Promise.race([wait(pause + Math.random() * pause), new Promise((done) => { this.again = done; })]);
      pause = Math.min(pause * 2, 10000);
    }
  }

  async call(path, options = {}) {
    const headers = { "content-type": "application/json" };
    if (this.memory.data.token) headers.authorization = `Bearer ${this.memory.data.token}`;
    const response = await fetch(this.server + path, { credentials: "omit", ...options, headers });
    if (!response.ok) {
      let detail = "";
      try { detail = (await response.json()).detail; } catch { /* not ours */ }
      throw Object.assign(new Error(detail), { status: response.status });
    }
    return response;
  }

  async openSession() {
    if (this.opened) return;
    const start = this.getAttribute("start") || "";
    const fresh = start && start !== this.memory.data.start;
    if (fresh) this.memory.set({ token: "", start, waiting: [] });
    const body = { locale: this.locale };
    if (fresh || (start && !this.memory.data.token)) body.start = start;
    const response = await this.call("/w/v1/session", { method: "POST", body: JSON.stringify(body) });
    this.memory.set({ token: (await response.json()).token });
    this.opened = true;
  }

  async listen() {
    this.stream = new AbortController();
    const response = await this.call(`/w/v1/events?after=${this.last}`, { signal: this.stream.signal });
    this.tell("");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let kept = "";
    // The server says something every 15 seconds; longer silence is a dead connection.
    for (;;) {
      const timer = setTimeout(() => this.stream.abort(), 40000);
      const { value, done } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      kept += value;
      let end;
      while ((end = kept.indexOf("\n\n")) >= 0) {
        this.event(kept.slice(0, end));
        kept = kept.slice(end + 2);
      }
    }
  }

  event(block) {
    const data = block.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
    if (!data) return;
    const message = JSON.parse(data);
    if (message.id <= this.last) return;
    this.last = message.id;
    this.show(message);
  }

  // ── what the person sends ──

  submit() {
    const text = this.box.value.trim();
    if (!text) return;
    this.box.value = "";
    this.resize();
    this.send({ text }, text);
  }

  send(content, text) {
    const waiting = { client_id: crypto.randomUUID?.() || `${Date.now()}-${Math.random()}`, text, content };
    this.memory.set({ waiting: [...(this.memory.data.waiting || []), waiting] });
    for (const old of this.log.querySelectorAll(".options")) old.classList.add("past");
    this.showMine(waiting);
    this.showTyping(true);
    this.flush();
  }

  async flush() {
    if (this.flushing || !this.opened) return;
    this.flushing = true;
    try {
      let next;
      while ((next = (this.memory.data.waiting || [])[0])) {
        this.showMine(next);
        try {
          await this.call("/w/v1/messages", { method: "POST", body: JSON.stringify({ client_id: next.client_id, ...next.content }) });
        } catch (error) {
          if (!error.status || error.status >= 500 || error.status === 429) {
            this.mark(next.client_id, this.words.failed);
            await wait(error.status === 429 ? 5000 : 2000);
            continue;
          }
          if (error.status === 401) throw error;
          this.mark(next.client_id, this.words.refused + (error.message || error.status));
          this.memory.set({ waiting: this.memory.data.waiting.slice(1) });
          continue;
        }
        this.mark(next.client_id, "");
        this.memory.set({ waiting: this.memory.data.waiting.slice(1) });
      }
    } catch {
      this.memory.set({ token: "" });
      this.opened = false;
      this.stream?.abort();
    } finally {
      this.flushing = false;
    }
  }

  // ── what is shown ──

  show(message) {
    if (message.kind === "start" || (!message.text && !message.options.length && !message.media.length)) return;
    if (message.author === "person") {
      const mine = this.shown.get(message.client_id);
      if (mine) { this.mark(message.client_id, ""); return; }
      for (const old of this.log.querySelectorAll(".options")) old.classList.add("past");
      this.append(message);
      return;
    }
    this.showTyping(false);
    const node = this.append(message);
    if (message.options.length) node.append(this.optionRow(message.options));
    if (this.dot && this.panel.hidden) this.dot.hidden = false;
    this.bottom();
  }

  optionRow(options) {
    const row = make("div", { class: "options", role: "group" });
    for (const option of options) {
      const button = make("button", { type: "button" }, option.label);
      button.addEventListener("click", () => {
        this.send({ token: option.token }, option.label);
        this.box.focus({ preventScroll: true });
      });
      row.append(button);
    }
    return row;
  }

  append(message) {
    const words = this.words;
    const at = new Date(message.at || Date.now());
    this.day(at);
    const text = message.text || (message.media[0] === "voice" ? words.voice : words.media);
    const bubble = make("div", { class: "bubble" }, make("span", { class: "quiet" }, `${words[message.author] || words.bot}: `), linked(text));
    bubble.title = at.toLocaleString(this.lang);
    const node = make("div", { class: `turn ${message.author}` }, bubble);
    if (message.author !== this.author && message.author === "agent") node.prepend(make("div", { class: "who" }, words.agent));
    this.author = message.author;
    if (this.typing) this.log.insertBefore(node, this.typing); else this.log.append(node);
    if (message.client_id) this.shown.set(message.client_id, node);
    this.bottom();
    return node;
  }

  showMine(waiting) {
    if (this.shown.has(waiting.client_id)) return;
    this.append({ author: "person", text: waiting.text, media: [], client_id: waiting.client_id });
  }

  mark(clientId, text) {
    const node = this.shown.get(clientId);
    if (!node) return;
    node.querySelector(".state")?.remove();
    if (text) node.append(make("div", { class: "state" }, text));
  }

  day(at) {
    const key = at.toDateString();
    if (key === this.newest) return;
    this.newest = key;
    const ago = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86400000);
    const text = ago === 0 ? this.words.today : ago === 1 ? this.words.yesterday : at.toLocaleDateString(this.lang, { dateStyle: "medium" });
    this.log.append(make("div", { class: "day" }, text));
  }

  showTyping(on) {
    clearTimeout(this.typingTimer);
    this.typing?.remove();
    this.typing = null;
    if (!on) return;
    this.typingTimer = setTimeout(() => {
      this.typing = make("div", { class: "turn bot", "aria-hidden": "true" }, make("div", { class: "bubble typing" }, make("i"), make("i"), make("i")));
      this.log.append(this.typing);
      this.bottom();
      this.typingTimer = setTimeout(() => this.showTyping(false), 8000);
    }, 400);
  }

  tell(text, after = 0) {
    clearTimeout(this.tellTimer);
    const put = () => { this.banner.textContent = text; this.banner.hidden = !text; };
    if (text && after) this.tellTimer = setTimeout(put, after); else put();
  }

  resize() {
    this.button.disabled = !this.box.value.trim();
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight, 140)}px`;
  }

  bottom() {
    requestAnimationFrame(() => { this.log.scrollTop = this.log.scrollHeight; });
  }
}

customElements.define("huifang-chat", HuifangChat);

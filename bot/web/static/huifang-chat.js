// <huifang-chat>: the web chat as a custom element. One file, no dependencies, its own shadow DOM, so
// that it works on any page, also under a strict Content-Security-Policy.
//   <script type="module" src="https://HOST/static/huifang-chat.js"></script>
//   <huifang-chat server="https://HOST" start="TOKEN" locale="zh" mode="launcher"></huifang-chat>
// server: where Huifang runs (default: where this file came from) · start: the token of a start link ·
// locale: zh or en (default: the page's language) · mode: "page" (default) or "launcher" ·
// theme: light or dark (default: what the system says) · heading: the name above the chat.

const HERE = new URL(import.meta.url).origin;

const WORDS = {
  zh: { title: "在线回访", placeholder: "输入消息…", send: "发送", open: "打开聊天", close: "收起聊天", unread: (n) => `，${n} 条未读`, log: "聊天记录", offline: "网络断开了，恢复后会自动发送。", connecting: "正在连接…", unreachable: "暂时连接不上，正在重试。", again: "立即重试", sending: "正在发送", sent: "已发送", waiting: "还没有发出去，正在重试", refused: "没有发出去", tooLong: "太长了，请分几次发送", resend: "重新发送", drop: "删除", you: "您", bot: "自动助手", agent: "同事", newer: "有新消息", today: "今天", yesterday: "昨天", over: "聊天暂时打不开，请重新打开页面。", voice: "［语音］", media: "［文件］" },
  en: { title: "Follow-up chat", placeholder: "Write a message…", send: "Send", open: "Open the chat", close: "Close the chat", unread: (n) => `, ${n} unread`, log: "Conversation", offline: "You are offline. Your messages will be sent when the network is back.", connecting: "Connecting…", unreachable: "No connection just now, trying again.", again: "Try now", sending: "Sending", sent: "Sent", waiting: "Not sent yet, trying again", refused: "Not sent", tooLong: "Too long, please send it in parts", resend: "Send again", drop: "Delete", you: "You", bot: "Automated assistant", agent: "Colleague", newer: "New messages", today: "Today", yesterday: "Yesterday", over: "The chat cannot be opened; please load the page again.", voice: "[voice message]", media: "[attachment]" },
};

const DARK = "--ground:#101315; --surface:#1d2226; --line:#2f363c; --ink:#eceff1; --ink-2:#b4bcc4; --ink-3:#98a1aa; --accent:#2dd4bf; --accent-ink:#06201d; --accent-text:#5eead4; --mine:#115e57; --mine-ink:#ecfffc; --agent:#1f3145; --warn:#35280f; --warn-ink:#f5b454; --bad:#ff9592; --badge:#e5484d; color-scheme:dark;";

const STYLE = `
:host { --ground:#f3f5f6; --surface:#fff; --line:#dfe2e6; --ink:#16191d; --ink-2:#4b535c; --ink-3:#616a74; --accent:#0f766e; --accent-ink:#fff; --accent-text:#0b5d57; --mine:#0f766e; --mine-ink:#fff; --agent:#e4effb; --warn:#fdf0d9; --warn-ink:#7a4800; --bad:#b4232a; --badge:#d13438; color-scheme:light;
  display:block; color:var(--ink); font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"PingFang SC","Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC","Noto Sans",sans-serif; -webkit-text-size-adjust:100%; }
@media (prefers-color-scheme: dark) { :host(:not([theme=light])) { ${DARK} } }
:host([theme=dark]) { ${DARK} }
:host([hidden]) { display:none; }
*, *::before { box-sizing:border-box; }
button { font:inherit; cursor:pointer; color:inherit; }
:focus-visible { outline:2px solid var(--accent); outline-offset:2px; }
.panel { display:flex; flex-direction:column; height:100%; min-height:0; background:var(--ground); overflow:hidden; }
.head { display:flex; align-items:center; gap:10px; padding:10px 16px; background:var(--surface); border-bottom:1px solid var(--line); }
.head b { font-weight:650; } .head small { display:block; color:var(--ink-3); font-size:12px; line-height:1.3; }
.mark { width:34px; height:34px; border-radius:50%; background:var(--accent); color:var(--accent-ink); display:grid; place-items:center; font-weight:700; flex:none; }
.head .close { margin-left:auto; border:0; background:none; width:36px; height:36px; border-radius:8px; font-size:20px; line-height:1; }
.body { position:relative; flex:1; min-height:0; display:flex; flex-direction:column; }
.log { flex:1; min-height:0; overflow-y:auto; padding:12px 16px 16px; display:flex; flex-direction:column; gap:3px; overscroll-behavior:contain; }
.log:focus-visible { outline-offset:-2px; }
.newer { position:absolute; bottom:10px; left:50%; translate:-50%; min-height:34px; padding:4px 16px; border-radius:17px; border:1px solid var(--line); background:var(--surface); color:var(--accent-text); font-size:13px; font-weight:550; box-shadow:0 4px 16px rgb(0 0 0/.18); white-space:nowrap; }
.day { align-self:center; color:var(--ink-3); font-size:12px; margin:12px 0 6px; }
.turn { display:flex; flex-direction:column; align-items:flex-start; gap:4px; max-width:100%; }
.turn.first:not(:first-child) { margin-top:9px; }
.turn.person { align-items:flex-end; }
.who { color:var(--ink-3); font-size:12px; margin:0 4px; }
.turn:not(.first) .who { display:none; }
.bubble { max-width:min(86%,34em); padding:9px 13px; border-radius:16px; background:var(--surface); border:1px solid var(--line); white-space:pre-wrap; overflow-wrap:anywhere; line-break:strict; border-bottom-left-radius:5px; }
.person .bubble { background:var(--mine); color:var(--mine-ink); border-color:transparent; border-radius:16px; border-bottom-right-radius:5px; }
.agent .bubble { background:var(--agent); border-color:transparent; }
.turn:not(.last) .bubble { border-bottom-left-radius:16px; }
.person.turn:not(.last) .bubble { border-bottom-right-radius:16px; }
.sending .bubble { opacity:.72; }
.bubble a { color:inherit; text-underline-offset:2px; }
.options { display:flex; flex-wrap:wrap; gap:8px; max-width:min(96%,36em); margin:2px 0 6px; }
.options button { text-wrap:balance; min-height:40px; min-width:44px; padding:6px 14px; border-radius:20px; border:1.5px solid var(--accent); background:var(--surface); color:var(--accent-text); font-weight:550; text-align:start; max-width:100%; overflow-wrap:anywhere; line-height:1.35; }
@media (hover:hover) { .options:not(.past) button:hover { background:var(--accent); color:var(--accent-ink); } .options.past button:hover { border-color:var(--ink-3); color:var(--ink); } }
.options button:active { transform:translateY(1px); }
.options.past button { border:1px solid var(--line); background:none; color:var(--ink-3); font-weight:400; min-height:32px; padding:3px 12px; }
.options.past [aria-pressed=true] { border-color:var(--accent); color:var(--accent-text); font-weight:550; }
.options [aria-pressed=true]::before { content:"✓ " / ""; }
.meta { display:flex; flex-wrap:wrap; align-items:center; gap:2px 8px; color:var(--ink-3); font-size:12px; margin-inline:4px; min-height:18px; }
.person .meta { justify-content:flex-end; }
.turn:not(.last, .failed, .waiting) .meta { display:none; }
.sent:not(.newest) .state { display:none; }
.failed .state { color:var(--bad); }
.meta button { border:0; background:none; padding:4px 2px; margin:-4px 0; color:var(--accent-text); font-weight:550; text-decoration:underline; text-underline-offset:2px; }
.typing { display:inline-flex; gap:4px; padding:13px; } .typing i { width:7px; height:7px; border-radius:50%; background:var(--ink-3); animation:blink 1.2s infinite; } .typing i:nth-child(2) { animation-delay:.2s; } .typing i:nth-child(3) { animation-delay:.4s; }
@keyframes blink { 0%,60%,100% { opacity:.25; } 30% { opacity:1; } }
.banner { display:flex; align-items:center; gap:4px 12px; flex-wrap:wrap; background:var(--warn); color:var(--warn-ink); padding:7px 16px; font-size:13px; }
.banner button { border:0; background:none; padding:4px 0; margin:-4px 0; font-weight:600; text-decoration:underline; text-underline-offset:2px; }
form { display:flex; align-items:flex-end; gap:8px; padding:10px 12px calc(10px + env(safe-area-inset-bottom)); background:var(--surface); border-top:1px solid var(--line); margin:0; }
textarea { flex:1; resize:none; font:inherit; font-size:16px; line-height:1.4; color:inherit; background:var(--ground); border:1px solid var(--line); border-radius:18px; padding:8px 14px; max-height:140px; min-height:40px; }
.send { flex:none; width:42px; height:42px; border-radius:50%; border:0; background:var(--accent); color:var(--accent-ink); display:grid; place-items:center; } .send:disabled { opacity:.45; cursor:default; }
.launch { position:fixed; inset-inline-end:20px; bottom:20px; width:58px; height:58px; border-radius:50%; border:0; background:var(--accent); color:var(--accent-ink); box-shadow:0 6px 24px rgb(0 0 0/.25); display:grid; place-items:center; z-index:2147483000; }
.launch .count { position:absolute; top:-4px; inset-inline-end:-4px; min-width:22px; height:22px; padding:0 6px; border-radius:11px; background:var(--badge); color:#fff; font-size:12px; font-weight:700; line-height:22px; text-align:center; box-shadow:0 0 0 2px var(--surface); }
:host([mode=launcher]) .panel { position:fixed; inset-inline-end:20px; bottom:90px; width:min(390px,calc(100vw - 24px)); height:min(640px,calc(100dvh - 110px)); border-radius:16px; border:1px solid var(--line); box-shadow:0 12px 48px rgb(0 0 0/.28); z-index:2147483000; }
@media (max-width:480px) { :host([mode=launcher]) .panel { inset:0; width:100vw; height:100dvh; border-radius:0; border:0; } :host([mode=launcher]) .panel:not([hidden]) ~ .launch { display:none; } }
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

function icon(name, size = "22") {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of [["viewBox", "0 0 24 24"], ["width", size], ["height", size], ["aria-hidden", "true"]]) svg.setAttribute(key, value);
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

/** Text with its web addresses as links; nothing in it is markup. An address ends where Chinese begins. */
function linked(text) {
  const out = document.createDocumentFragment();
  let at = 0;
  for (const match of text.matchAll(/https?:\/\/[!#-&(-;=?-~]+/g)) {
    const url = match[0].replace(match[0].includes("(") ? /[.,;:!?]+$/ : /[.,;:!?)]+$/, "");
    out.append(text.slice(at, match.index), make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url));
    at = match.index + url.length;
  }
  out.append(text.slice(at));
  return out;
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const GROUP_MS = 5 * 60000; // messages of one author within it stand together, with one time below
const NEAR_PX = 80; // this close to its end the log follows what is new
const PATIENCE_MS = 20000; // for an answer; what is sent again is taken only once
const SILENCE_MS = 40000; // the server says something every 15 seconds; longer is a dead connection
const LARGEST = 200000; // bytes of one message; the server takes a little more

/**
 * What the browser remembers of a chat, shared by all its tabs: the session, how far it was read, and
 * what was written and not yet taken. Each change begins with what another tab may have written.
 */
class Memory {
  constructor(server) {
    this.key = `huifang:${server}`;
    this.kept = {};
  }
  get data() {
    try { return JSON.parse(localStorage.getItem(this.key)) || {}; } catch { return this.kept; }
  }
  set(change) {
    this.kept = { ...this.data, ...change };
    try { localStorage.setItem(this.key, JSON.stringify(this.kept)); } catch { /* private mode: the chat lives as long as the page */ }
  }
  /** What this session wrote and the server has not taken; without a session yet, what waits for one. */
  waiting(session) {
    return (this.data.waiting || []).filter((one) => !one.session || one.session === session);
  }
  put(entry) {
    const others = (this.data.waiting || []).filter((one) => one.client_id !== entry.client_id);
    this.set({ waiting: [...others, entry] });
  }
  drop(clientId) {
    this.set({ waiting: (this.data.waiting || []).filter((one) => one.client_id !== clientId) });
  }
}

class HuifangChat extends HTMLElement {
  connectedCallback() {
    this.listenToPage();
    if (this.shadowRoot) { if (this.begun) this.begin(); return; } // moved inside its page
    this.server = (this.getAttribute("server") || HERE).replace(/\/$/, "");
    const language = this.getAttribute("locale") || document.documentElement.lang || navigator.language;
    this.locale = language.toLowerCase().startsWith("zh") ? "zh" : "en";
    this.words = WORDS[this.locale];
    this.lang = this.locale === "zh" ? "zh-CN" : "en";
    this.memory = new Memory(this.server);
    this.token = "";
    this.last = 0;
    this.unread = 0;
    this.shown = new Map(); // client id → node, of the person's own messages
    this.build();
    const start = this.getAttribute("start");
    if (this.getAttribute("mode") !== "launcher") this.begin();
    else if (start && start !== this.memory.data.start) this.toggle(true);
    else if (this.memory.data.token) this.begin();
  }

  disconnectedCallback() {
    this.leave.abort();
    this.running = null;
    this.stream?.abort();
    this.again?.();
  }

  listenToPage() {
    this.leave = new AbortController();
    const { signal } = this.leave;
    // A connection that outlived the cut may be dead without saying so: make a new one.
    addEventListener("online", () => { this.back = true; this.stream?.abort(); this.hurry(); }, { signal });
    addEventListener("offline", () => this.tell(this.words.offline), { signal });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { this.hurry(); this.read(); } }, { signal });
  }

  /** Do not wait for the next attempt. */
  hurry() {
    this.again?.();
    this.sendNow?.();
  }

  build() {
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const words = this.words;
    this.log = make("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": words.log, tabindex: "0" });
    this.banner = make("div", { class: "banner", role: "status", hidden: true });
    this.newer = make("button", { class: "newer", type: "button", hidden: true }, `${words.newer} ↓`);
    this.box = make("textarea", { rows: "1", placeholder: words.placeholder, "aria-label": words.placeholder, enterkeyhint: "send" });
    this.button = make("button", { class: "send", type: "submit", "aria-label": words.send, disabled: true }, icon("send"));
    this.form = make("form", {}, this.box, this.button);
    this.speaker = make("small", {}, words.bot);
    const name = this.getAttribute("heading") || words.title;
    const head = make("div", { class: "head" }, make("span", { class: "mark", "aria-hidden": "true" }, name.slice(0, 1)), make("span", {}, make("b", {}, name), this.speaker));
    this.panel = make("section", { class: "panel", "aria-label": name }, head, this.banner, make("div", { class: "body" }, this.log, this.newer), this.form);
    root.append(this.panel);
    if (this.getAttribute("mode") === "launcher") this.buildLauncher(root, head);
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    this.box.addEventListener("input", () => this.resize());
    this.box.addEventListener("keydown", (event) => {
      // Enter chooses a candidate while an input method composes; keyCode 229 is how Safari says so.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) { event.preventDefault(); this.submit(); }
    });
    this.newer.addEventListener("click", () => { this.bottom(); this.log.focus({ preventScroll: true }); });
    this.log.addEventListener("scroll", () => { if (this.atEnd()) this.newer.hidden = true; });
  }

  buildLauncher(root, head) {
    this.panel.hidden = true;
    this.panel.setAttribute("role", "dialog");
    this.count = make("span", { class: "count", "aria-hidden": "true", hidden: true });
    this.launcher = make("button", { class: "launch", type: "button", "aria-label": this.words.open, "aria-expanded": "false" }, icon("chat", "30"), this.count);
    const close = make("button", { class: "close", type: "button", "aria-label": this.words.close }, "×");
    head.append(close);
    const leave = () => { this.toggle(false); this.launcher.focus(); };
    close.addEventListener("click", leave);
    this.panel.addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.isComposing) leave(); });
    this.launcher.addEventListener("click", (event) => {
      this.toggle(this.panel.hidden);
      if (!this.panel.hidden) this.focusBox(event);
    });
    root.append(this.launcher);
  }

  toggle(open) {
    this.panel.hidden = !open;
    this.launcher.setAttribute("aria-expanded", String(open));
    this.begin();
    if (open) this.bottom();
    this.read();
  }

  /** Go on typing, except where a finger tapped: there it would raise the keyboard over the chat. */
  focusBox(event) {
    if (event.detail === 0 || matchMedia("(pointer: fine)").matches) this.box.focus({ preventScroll: true });
    else this.log.focus({ preventScroll: true });
  }

  get looking() {
    return !this.panel.hidden && !document.hidden;
  }

  /** What is on the screen now counts as read, in every tab and after a reload. */
  read() {
    if (this.looking) {
      this.unread = 0;
      if (this.last > (this.memory.data.seen || 0)) this.memory.set({ seen: this.last });
    }
    if (!this.count) return;
    this.count.textContent = this.unread > 9 ? "9+" : String(this.unread);
    this.count.hidden = !this.unread;
    const label = this.panel.hidden ? this.words.open : this.words.close;
    this.launcher.setAttribute("aria-label", this.unread ? label + this.words.unread(this.unread) : label);
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
        if (error.status === 401) this.forget();
        else if (error.status && error.status < 500 && error.status !== 429) { this.tell(this.words.over); return; }
        else if (this.back) { this.back = false; continue; }
        else this.tell(navigator.onLine ? this.words.unreachable : this.words.offline, 800);
      }
      await Promise.race([wait(pause + Math.random() * pause), new Promise((done) => { this.again = done; })]);
      pause = Math.min(pause * 2, 10000);
    }
  }

  async call(path, options = {}) {
    const headers = { "content-type": "application/json" };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    const response = await fetch(this.server + path, { credentials: "omit", signal: AbortSignal.timeout(PATIENCE_MS), ...options, headers });
    if (!response.ok) throw Object.assign(new Error(), { status: response.status });
    return response;
  }

  /** The session that all tabs share. Only one of them makes it, so that nobody ends up with two chats. */
  async openSession() {
    if (this.opened) return;
    const open = async () => {
      const start = this.getAttribute("start") || "";
      const known = this.memory.data;
      const fresh = start && start !== known.start; // another follow-up, perhaps of another person
      if (fresh) this.memory.set({ start, seen: 0, waiting: (known.waiting || []).filter((one) => this.shown.has(one.client_id)) });
      this.token = fresh ? "" : known.token || "";
      const body = { locale: this.locale };
      if (start && !this.token) body.start = start;
      const response = await this.call("/w/v1/session", { method: "POST", body: JSON.stringify(body) });
      this.token = (await response.json()).token;
      this.memory.set({ token: this.token });
      this.opened = true;
    };
    if (navigator.locks) await navigator.locks.request(this.memory.key, open); else await open();
    for (const one of this.memory.waiting(this.token)) this.memory.put({ ...one, session: this.token });
  }

  /** The server does not know this session any more; what was not sent goes into the next one. */
  forget() {
    for (const one of this.memory.waiting(this.token)) this.memory.put({ ...one, session: "" });
    if (this.memory.data.token === this.token) this.memory.set({ token: "", seen: 0 });
    this.token = "";
    this.opened = false;
    this.last = 0;
  }

  async listen() {
    const stream = this.stream = new AbortController();
    const heard = async (next) => {
      const timer = setTimeout(() => stream.abort(), SILENCE_MS);
      return next.finally(() => clearTimeout(timer));
    };
    const response = await heard(this.call(`/w/v1/events?after=${this.last}`, { signal: stream.signal }));
    this.tell("");
    this.back = false;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let kept = "";
    for (;;) {
      const { value, done } = await heard(reader.read());
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
    const entry = { client_id: crypto.randomUUID?.() || `${Date.now()}-${Math.random()}`, text, content, session: this.token };
    if (new Blob([text]).size > LARGEST) entry.refused = "tooLong";
    this.memory.put(entry);
    this.showMine(entry);
    this.bottom();
    if (entry.refused) return;
    this.answerOptions(text);
    this.awaiting = true;
    this.flush();
  }

  async flush() {
    if (this.flushing || !this.opened) return;
    this.flushing = true;
    try {
      for (const one of this.memory.waiting(this.token)) this.showMine(one);
      let next;
      while (this.opened && (next = this.memory.waiting(this.token).find((one) => !one.refused))) {
        this.showMine(next);
        try {
          await this.call("/w/v1/messages", { method: "POST", body: JSON.stringify({ client_id: next.client_id, ...next.content }) });
        } catch (error) {
          if (error.status === 401) { this.forget(); this.stream?.abort(); return; }
          if (!error.status || error.status >= 500 || error.status === 429) {
            this.mark(next.client_id, "waiting", this.words.waiting);
            await Promise.race([wait(error.status === 429 ? 5000 : 2000), new Promise((done) => { this.sendNow = done; })]);
            continue;
          }
          this.refuse({ ...next, refused: "refused" });
          continue;
        }
        this.memory.drop(next.client_id);
        this.mark(next.client_id, "sent", this.words.sent);
        if (this.awaiting && this.speaking !== "agent") this.showTyping(true); // how long a colleague takes, nobody knows
      }
    } finally {
      this.flushing = false;
    }
  }

  refuse(entry) {
    this.showTyping(false);
    this.memory.put(entry);
    this.markRefused(entry);
  }

  /** Say that it was not sent; the person decides what becomes of it. */
  markRefused(entry) {
    const again = make("button", { type: "button" }, this.words.resend);
    const drop = make("button", { type: "button" }, this.words.drop);
    again.addEventListener("click", () => {
      this.memory.put({ ...entry, refused: "" });
      this.mark(entry.client_id, "sending", this.words.sending);
      this.box.focus({ preventScroll: true });
      this.flush();
    });
    drop.addEventListener("click", () => {
      this.memory.drop(entry.client_id);
      this.shown.get(entry.client_id).remove();
      this.shown.delete(entry.client_id);
      this.arrange();
      this.box.focus({ preventScroll: true });
    });
    this.mark(entry.client_id, "failed", this.words[entry.refused], ...(entry.refused === "tooLong" ? [drop] : [again, drop]));
  }

  // ── what is shown ──

  show(message) {
    if (message.kind === "start" || (!message.text && !message.options.length && !message.media.length)) return;
    if (message.author === "person") {
      this.showOwn(message);
      this.answerOptions(message.text);
      return;
    }
    this.awaiting = false;
    this.showTyping(false);
    const node = this.append(message);
    if (message.options.length) node.querySelector(".bubble").after(this.optionRow(message.options));
    this.speaking = message.author;
    this.speaker.textContent = this.words[message.author] || this.words.bot;
    if (message.id > (this.memory.data.seen || 0)) this.unread += 1;
  }

  /** An own message as the server has it: in its place, and without what was taken out as a secret. */
  showOwn(message) {
    const node = this.shown.get(message.client_id);
    if (!node) { this.append(message); return; }
    const first = this.log.querySelector(".mine-here");
    node.classList.remove("mine-here");
    if (node !== first) this.log.insertBefore(node, first);
    if (message.text && message.text !== node.said) this.fill(node, message);
    this.mark(message.client_id, "sent", this.words.sent);
  }

  /** The question is answered: its buttons step back, and the one that says the answer is marked. */
  answerOptions(text) {
    for (const row of this.log.querySelectorAll(".options:not(.past)")) {
      row.classList.add("past");
      for (const button of row.children) button.setAttribute("aria-pressed", String(button.textContent === text));
    }
  }

  optionRow(options) {
    const row = make("div", { class: "options", role: "group" });
    for (const option of options) {
      const button = make("button", { type: "button", dir: "auto" }, option.label);
      button.addEventListener("click", (event) => {
        if (button.getAttribute("aria-pressed") === "true") return; // the second half of a double tap
        this.send({ token: option.token }, option.label);
        this.focusBox(event);
      });
      row.append(button);
    }
    return row;
  }

  append(message) {
    const follow = this.atEnd();
    const bubble = make("div", { class: "bubble", dir: "auto" });
    const node = make("div", { class: `turn ${message.author}` }, bubble, make("div", { class: "meta" }, make("time"), make("span", { class: "state" })));
    if (message.author === "agent") node.prepend(make("div", { class: "who", "aria-hidden": "true" }, this.words.agent));
    this.fill(node, message);
    if (message.client_id) this.shown.set(message.client_id, node);
    // What the server has not confirmed stays below what it has.
    this.log.insertBefore(node, message.pending ? this.typing || null : this.log.querySelector(".mine-here") || this.typing || null);
    if (message.pending) node.classList.add("mine-here");
    this.arrange();
    if (follow) this.bottom(); else this.newer.hidden = false;
    return node;
  }

  fill(node, message) {
    const words = this.words;
    const at = new Date(message.at || Date.now());
    const text = message.text || (message.media[0] === "voice" ? words.voice : words.media);
    node.at = at;
    node.author = message.author;
    node.said = text;
    const bubble = node.querySelector(".bubble");
    bubble.replaceChildren(make("span", { class: "quiet" }, `${words[message.author] || words.bot}: `), linked(text));
    bubble.title = at.toLocaleString(this.lang);
    const time = node.querySelector("time");
    time.dateTime = at.toISOString();
    time.textContent = at.toLocaleTimeString(this.lang, { hour: "numeric", minute: "2-digit" });
  }

  showMine(entry) {
    if (this.shown.has(entry.client_id)) return;
    this.append({ author: "person", text: entry.text, media: [], client_id: entry.client_id, pending: true });
    if (entry.refused) this.markRefused(entry);
    else this.mark(entry.client_id, "sending", this.words.sending);
  }

  /** How far an own message came: sending, waiting, sent or failed; in words, with what can be done. */
  mark(clientId, state, text, ...actions) {
    const node = this.shown.get(clientId);
    if (!node) return;
    node.classList.remove("sending", "waiting", "sent", "failed");
    node.classList.add(state);
    node.querySelector(".state").textContent = text;
    for (const old of node.querySelectorAll(".meta button")) old.remove();
    node.querySelector(".meta").append(...actions);
    if (actions.length && this.atEnd()) this.bottom();
  }

  /** Days between the messages, and which of them stand together; once after everything that came. */
  arrange() {
    if (this.arranging) return;
    this.arranging = true;
    queueMicrotask(() => {
      this.arranging = false;
      let before = null;
      for (const node of [...this.log.querySelectorAll(".turn:not(.thinking)")]) {
        const day = node.at.toDateString();
        const newDay = day !== before?.at.toDateString();
        const mark = node.previousElementSibling;
        if (mark?.classList.contains("day")) { if (newDay) mark.textContent = this.dayName(node.at); else mark.remove(); }
        else if (newDay) node.before(make("div", { class: "day" }, this.dayName(node.at)));
        const together = !newDay && before.author === node.author && node.at - before.at < GROUP_MS;
        node.classList.toggle("first", !together);
        node.classList.add("last");
        if (together) before.classList.remove("last");
        before = node;
      }
      const mine = [...this.log.querySelectorAll(".turn.person")];
      for (const node of mine) node.classList.toggle("newest", node === mine.at(-1));
      this.read();
    });
  }

  dayName(at) {
    const ago = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86400000);
    return ago === 0 ? this.words.today : ago === 1 ? this.words.yesterday : at.toLocaleDateString(this.lang, { dateStyle: "medium" });
  }

  showTyping(on) {
    clearTimeout(this.typingTimer);
    this.typing?.remove();
    this.typing = null;
    if (!on) return;
    this.typingTimer = setTimeout(() => {
      const follow = this.atEnd();
      this.typing = make("div", { class: "turn bot first last thinking", "aria-hidden": "true" }, make("div", { class: "bubble typing" }, make("i"), make("i"), make("i")));
      this.log.append(this.typing);
      if (follow) this.bottom();
      this.typingTimer = setTimeout(() => this.showTyping(false), 8000);
    }, 400);
  }

  /** Say something about the connection, after a moment if it may pass by itself. */
  tell(text, after = 0) {
    clearTimeout(this.tellTimer);
    const put = () => {
      this.banner.replaceChildren(text);
      this.banner.hidden = !text;
      if (text !== this.words.unreachable) return;
      const again = make("button", { type: "button" }, this.words.again);
      again.addEventListener("click", () => this.hurry());
      this.banner.append(again);
    };
    if (text && after) this.tellTimer = setTimeout(put, after); else put();
  }

  resize() {
    this.button.disabled = !this.box.value.trim();
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight, 140)}px`;
  }

  atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_PX;
  }

  bottom() {
    this.newer.hidden = true;
    this.log.scrollTop = this.log.scrollHeight;
    requestAnimationFrame(() => { this.log.scrollTop = this.log.scrollHeight; });
  }
}

customElements.define("huifang-chat", HuifangChat);

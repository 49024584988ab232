// What every page shares: the CSRF header for htmx, toasts, the language of relative times.
"use strict";

const csrf = document.querySelector('meta[name="csrf"]')?.content;
document.addEventListener("htmx:configRequest", (event) => {
  if (csrf) event.detail.headers["X-CSRF-Token"] = csrf;
});

// Times are shown in the viewer's zone; the next page knows it from this.
document.cookie = `huifang_zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; samesite=lax`;

/** Show a short notice; it goes by itself after `ms`. `action` is {label, run} for an undo. Returns
 * a function that takes it away. */
window.huifang = window.huifang || {};
window.huifang.toast = (text, action, ms = action ? 8000 : 4000) => {
  const note = document.createElement("div");
  note.className = "toast";
  note.append(text);
  if (action) {
    const button = document.createElement("button");
    button.className = "link";
    button.textContent = action.label;
    button.addEventListener("click", () => { note.remove(); action.run(); });
    note.append(button);
  }
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), ms);
  return () => note.remove();
};

document.addEventListener("htmx:responseError", (event) => {
  const xhr = event.detail.xhr;
  let text = xhr.statusText;
  try { text = JSON.parse(xhr.responseText).detail || text; } catch { text = xhr.responseText.slice(0, 200) || text; }
  window.huifang.toast(text);
});
document.addEventListener("htmx:sendError", () => {
  window.huifang.toast(document.getElementById("toasts").dataset.offline);
});

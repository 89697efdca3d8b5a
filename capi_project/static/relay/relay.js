"use strict";
/* Copying with a click, and filters that apply themselves. Everything works without it, too. */

async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea"); // plain http: the only way there is
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("The browser does not allow copying.");
}

document.addEventListener("click", async (click) => {
  const button = click.target.closest("[data-relay-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.relayCopy);
  const before = [...button.childNodes];
  try {
    await copyText(source.textContent);
    button.textContent = "Copied";
  } catch {
    window.getSelection().selectAllChildren(source); // the person can press Ctrl+C
    button.textContent = "Press Ctrl+C";
  }
  button.setAttribute("aria-live", "polite");
  setTimeout(() => button.replaceChildren(...before), 1600);
});

document.addEventListener("change", (change) => {
  if (change.target.matches("[data-relay-submit]")) change.target.form.requestSubmit();
});

document.addEventListener("submit", (submission) => {
  if (!submission.target.matches("[data-relay-bar]")) return;
  for (const field of submission.target.elements) {
    if (field.name && field.value === "") field.disabled = true; // keeps the address short
  }
});

window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("[data-relay-bar] :disabled")) field.disabled = false;
});

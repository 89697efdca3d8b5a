"use strict";
/* Lists: filters that apply with Enter, and keys for those who do without a mouse. */

const KEYS_OFF = "relay-keys-off";
const FOCUS = "relay-focus";
const FOCUS_MILLISECONDS = 20_000;

/* Choosing in a list box with the arrows goes through other values, so a change alone does nothing:
   Enter or Apply does. Browsers differ in whether Enter in a list box submits its form. */
document.addEventListener("keydown", (press) => {
  if (press.key !== "Enter" || !press.target.matches("[data-relay-bar] select")) return;
  press.preventDefault();
  press.target.form.requestSubmit();
});

function isChanged(field) {
  if (field.type === "hidden" || !field.name) return false;
  if (field instanceof HTMLSelectElement) {
    const saved = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(saved, 0);
  }
  return field.value !== field.defaultValue;
}

function showWhatIsToApply(input) {
  const bar = input.target.closest("[data-relay-bar]");
  const apply = bar?.querySelector("[data-relay-apply]");
  if (!apply) return;
  const waits = [...bar.elements].some(isChanged);
  apply.classList.toggle("relay-button--main", waits);
}
document.addEventListener("input", showWhatIsToApply);
document.addEventListener("change", showWhatIsToApply);

/* The page is loaded anew; whoever works with the keyboard is then where they were. */
document.addEventListener("submit", (submission) => {
  const bar = submission.target;
  if (!bar.matches("[data-relay-bar]") || !bar.contains(document.activeElement)) return;
  const name = document.activeElement.name || "";
  sessionStorage.setItem(
    FOCUS,
    JSON.stringify({ path: window.location.pathname, name, at: Date.now() }),
  );
});

function goBackToFocus() {
  const kept = JSON.parse(sessionStorage.getItem(FOCUS) ?? "null");
  sessionStorage.removeItem(FOCUS);
  if (kept?.path !== window.location.pathname || Date.now() - kept.at > FOCUS_MILLISECONDS) return;
  const bar = document.querySelector("[data-relay-bar]");
  const field = kept.name && bar?.elements.namedItem(kept.name);
  const menu = field && field.closest("details");
  if (menu) menu.open = true;
  (field || bar?.querySelector("[data-relay-apply]"))?.focus();
}

/* A menu closes with Escape, and with a click elsewhere. */
function closeMenus(except) {
  for (const menu of document.querySelectorAll("[data-relay-menu][open]")) {
    if (!menu.contains(except)) menu.open = false;
  }
}
document.addEventListener("click", (click) => closeMenus(click.target));
document.addEventListener("keydown", (press) => {
  const menu = press.key === "Escape" && press.target.closest?.("[data-relay-menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

/* / goes to the search, j and k to the next and previous row, Enter opens it. Single characters can
   get in the way of speech input, so they can be turned off (WCAG 2.1.4). */
function areKeysOff() {
  return localStorage.getItem(KEYS_OFF) !== null;
}

function goToSearch() {
  const search = document.querySelector('[role="search"] input[type="search"]');
  search?.focus();
  search?.select();
  return Boolean(search);
}

function goToRow(step) {
  const links = [...document.querySelectorAll("#result_list tbody tr")]
    .map((row) => row.querySelector("a[href]"))
    .filter(Boolean);
  if (!links.length) return false;
  const row = document.activeElement?.closest("#result_list tbody tr");
  const place = links.findIndex((link) => row?.contains(link));
  const next = place < 0 ? 0 : Math.min(Math.max(place + step, 0), links.length - 1);
  links[next].focus();
  links[next].closest("tr").scrollIntoView({ block: "nearest" });
  return true;
}

const KEYS = { "/": goToSearch, j: () => goToRow(1), k: () => goToRow(-1) };

document.addEventListener("keydown", (press) => {
  const go = KEYS[press.key];
  const isTyping = press.target.closest?.("input:not([type=checkbox]), select, textarea, [contenteditable]");
  if (!go || isTyping || press.ctrlKey || press.metaKey || press.altKey || areKeysOff()) return;
  if (document.getElementById("relay-rows") && go()) press.preventDefault();
});

function offerKeys(place) {
  const button = place.querySelector("button");
  const show = () => {
    button.textContent = areKeysOff() ? button.dataset.on : button.dataset.off;
    place.classList.toggle("relay-keys--off", areKeysOff());
  };
  button.addEventListener("click", () => {
    if (areKeysOff()) localStorage.removeItem(KEYS_OFF);
    else localStorage.setItem(KEYS_OFF, "1");
    show();
  });
  show();
  place.hidden = false;
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-relay-keys]").forEach(offerKeys);
  goBackToFocus();
});

"use strict";
/* Copying with a click, answers on the same page, the live view. Everything works without it, too. */

/* Times are shown and typed in the zone of this browser: the server reads it from the cookie. */
const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (browserZone && /^[A-Za-z0-9_+\-/]+$/.test(browserZone)) {
  const secure = window.location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `relay_zone=${browserZone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

const TIME_TYPES = new Set(["datetime-local", "date"]);
const TIMES_IN_ADDRESS = ["since", "until", "settled_since", "day"];

/* What the scripts say, in the language of the page (templates/admin/base.html). */
function word(key) {
  return JSON.parse(document.getElementById("relay-words").textContent)[key];
}

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
    button.textContent = word("copied");
  } catch {
    window.getSelection().selectAllChildren(source); // the person can press Ctrl+C
    button.textContent = word("press_to_copy");
  }
  button.setAttribute("aria-live", "polite");
  setTimeout(() => button.replaceChildren(...before), 1600);
});

document.addEventListener("submit", (submission) => {
  if (!submission.target.matches("[data-relay-bar]")) return;
  const fields = [...submission.target.elements];
  for (const field of fields) {
    if (field.name && field.value === "") field.disabled = true; // keeps the address short
  }
  const hasTime = fields.some((field) => TIME_TYPES.has(field.type) && !field.disabled);
  for (const field of fields) {
    if (field.matches("[data-relay-zone]")) field.disabled = !hasTime;
  }
});

window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("[data-relay-bar] :disabled")) field.disabled = false;
});

/* A button that asks about the form it stands in, without saving it: a check, or a preview. What is
   answered stands in a place on the same page. Without scripts it is a page of its own. */
async function askAbout(form, place, button, address) {
  const asked = new FormData(form);
  const shown = place.querySelector("textarea[name=event]");
  if (shown) asked.set("event", shown.value); // an event that was pasted stays
  if (button.name) asked.set(button.name, button.value);
  const answer = await fetch(address, { method: "POST", body: asked, credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const content = page.querySelector(".relay-page");
  if (!answer.ok || answer.redirected || !content) throw new Error(`It answered ${answer.status}.`);
  content.querySelectorAll("[data-relay-alone]").forEach((part) => part.remove());
  place.replaceChildren(document.adoptNode(content));
}

document.addEventListener("submit", async (submission) => {
  const button = submission.submitter;
  if (!button) return;
  const place =
    document.getElementById(button.dataset.relayPlace) ?? button.closest("[data-relay-of]");
  if (!place) return;
  submission.preventDefault();
  if (place.ariaBusy === "true") return;
  place.ariaBusy = "true";
  if (!place.childElementCount) place.textContent = word("asking");
  const address = button.getAttribute("formaction") ?? submission.target.getAttribute("action");
  try {
    await askAbout(document.getElementById(place.dataset.relayOf), place, button, address);
    if (button.dataset.relayChanges) await reloadPart(button.dataset.relayChanges);
  } catch {
    place.textContent = word("no_answer");
  }
  place.ariaBusy = "false";
  place.focus({ preventScroll: true });
  place.scrollIntoView({ block: "nearest" });
});

/* The address holds the whole state of a list: its filters, its search and its page. Times need
   their zone to mean the same for others. */
function addressToShare(zoneName) {
  const address = new URL(window.location.href);
  const hasTime = TIMES_IN_ADDRESS.some((name) => address.searchParams.get(name));
  if (hasTime && !address.searchParams.get("zone")) address.searchParams.set("zone", zoneName);
  return address.href;
}

function offerLink(button) {
  button.hidden = false;
  const before = [...button.childNodes];
  button.addEventListener("click", async () => {
    try {
      await copyText(addressToShare(button.dataset.relayCopyLink));
      button.textContent = word("copied");
    } catch {
      button.textContent = word("copy_from_bar");
    }
    setTimeout(() => button.replaceChildren(...before), 1600);
  });
}

/* Tabs that are parts of one form: changing between them keeps what was typed. Without scripts, and
   from a tab that is a page of its own, they are links. */
document.addEventListener("click", (click) => {
  const link = click.target.closest("[data-relay-tab]");
  if (!link || click.ctrlKey || click.metaKey || click.shiftKey || click.altKey) return;
  if (!document.querySelector("[data-relay-tab][aria-current]")) return;
  click.preventDefault();
  const tab = link.dataset.relayTab;
  for (const one of link.parentElement.children) {
    if (one === link) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  for (const panel of document.querySelectorAll("[data-relay-panel]")) {
    panel.hidden = !panel.dataset.relayPanel.split(" ").includes(tab);
  }
  const kept = document.querySelector("input[name=_tab]");
  if (kept) kept.value = tab;
  window.history.replaceState(null, "", link.href);
});

/* Puts a fresh copy of one part of this page in the place of the old one. */
async function reloadPart(id) {
  const answer = await fetch(window.location.href, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) throw new Error(`The page answered ${answer.status}.`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
  const old = document.getElementById(id);
  if (!fresh || !old) throw new Error("The page has changed.");
  const held = placeOf(document.activeElement, old);
  const unfolded = [...old.querySelectorAll("details")].map((one) => one.open);
  old.replaceWith(document.adoptNode(fresh));
  const part = document.getElementById(id);
  part.querySelectorAll("details").forEach((one, place) => {
    if (place < unfolded.length) one.open = unfolded[place];
  });
  part.dispatchEvent(new CustomEvent("relay:fresh", { bubbles: true })); // may add what had the focus
  if (held) candidates(part).find((one) => nameOf(one) === held)?.focus({ preventScroll: true });
  sayNews(id, old, part);
  return part;
}

/* Whoever uses the keyboard stays where they are when a part is replaced under them. */
const candidates = (part) => [...part.querySelectorAll("a[href], button, summary, [tabindex]")];
const nameOf = (one) => one.id || `${one.tagName} ${one.textContent.trim()} ${one.ariaLabel ?? ""}`;
const placeOf = (one, part) => (one && one !== part && part.contains(one) ? nameOf(one) : "");

/* What has changed in a part, for those who hear the page. */
function sayNews(id, old, part) {
  const status = document.querySelector(`[data-relay-says="${id}"]`);
  const [before, after] = [old, part].map((one) => one.querySelector("[data-relay-said]"));
  if (!status || !before || !after || before.textContent === after.textContent) return;
  const words = [...after.querySelectorAll(".relay-badge")].map((badge) => badge.lastChild);
  status.textContent = words.map((one) => one.textContent.trim()).join(" ") || after.textContent;
}

/* Somebody has marked text in it: it may not vanish under them. */
function isReading(part) {
  const selection = window.getSelection();
  return !selection.isCollapsed && part.contains(selection.anchorNode);
}

/* A page that shows something under way reloads that part until it has ended. */
function follow(part) {
  const seconds = Number(part.dataset.relayReload);
  if (!seconds) return;
  setTimeout(async () => {
    try {
      follow(document.hidden || isReading(part) ? part : await reloadPart(part.id));
    } catch {
      follow(part);
    }
  }, seconds * 1000);
}

/* The live view of a log: every few seconds, unless a row is chosen or nobody looks. */
function offerLiveView(button) {
  const id = button.dataset.relayLive;
  const label = button.lastChild;
  let timer = 0;
  button.hidden = false;
  const tick = async () => {
    const isChoosing = document.querySelector(`#${id} input.action-select:checked`);
    const isFocused = document.activeElement?.closest(`#${id}`);
    if (isChoosing) label.textContent = word("live_held");
    else if (!document.hidden && !isFocused) {
      try {
        await reloadPart(id);
        label.textContent = word("live");
      } catch {
        label.textContent = word("live_no_answer");
      }
    }
    if (timer) timer = setTimeout(tick, 4000);
  };
  button.addEventListener("click", () => {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isOn));
    label.textContent = word("live");
    clearTimeout(timer);
    timer = isOn ? setTimeout(tick, 0) : 0;
  });
}

/* The secret of a link stands after its #, which no server sees: here it goes into the form. */
function takeFragment(field) {
  if (!window.location.hash) return;
  field.value = window.location.hash.slice(1);
  window.history.replaceState(null, "", window.location.pathname);
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-relay-copy-link]").forEach(offerLink);
  document.querySelectorAll("[data-relay-reload]").forEach(follow);
  document.querySelectorAll("[data-relay-live]").forEach(offerLiveView);
  document.querySelectorAll("[data-relay-fragment]").forEach(takeFragment);
});

"use strict";
/* JSON in colors, whose objects and lists fold. The text stays what it was, so that copying it, and
   reading it without scripts, is the same. */

const MOST_LINES = 5000;
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b/g;

function span(kind, text) {
  const element = document.createElement("span");
  if (kind) element.className = `relay-json__${kind}`;
  element.textContent = text;
  return element;
}

function colored(line) {
  const parts = [];
  let end = 0;
  for (const found of line.matchAll(TOKEN)) {
    if (found.index > end) parts.push(span("", line.slice(end, found.index)));
    const [whole, text, colon, number] = found;
    if (text) {
      parts.push(span(colon ? "key" : "text", text));
      if (colon) parts.push(span("", colon));
    } else parts.push(span(number ? "number" : "word", whole));
    end = found.index + whole.length;
  }
  if (end < line.length) parts.push(span("", line.slice(end)));
  return parts;
}

const indentOf = (line) => line.length - line.trimStart().length;

/* For each line that opens something, the line that closes it. */
function pairsOf(lines) {
  const open = [];
  const pairs = new Map();
  lines.forEach((line, number) => {
    if (/^\s*[}\]]/.test(line) && open.length) pairs.set(open.pop(), number);
    if (/[{[]$/.test(line)) open.push(number);
  });
  return pairs;
}

function foldable(pre) {
  const lines = pre.textContent.split("\n");
  if (lines.length > MOST_LINES || !/^\s*[{[]/.test(lines[0])) return;
  const pairs = pairsOf(lines);
  const rows = lines.map((line, number) => {
    const row = span("line", "");
    row.append(...colored(number < lines.length - 1 ? `${line}\n` : line));
    return row;
  });
  const folded = new Set();
  const show = () => {
    let hiddenTo = -1;
    rows.forEach((row, number) => {
      row.hidden = number <= hiddenTo;
      if (!row.hidden && folded.has(number)) hiddenTo = pairs.get(number);
    });
  };
  for (const [first, last] of pairs) {
    if (last - first < 2 || indentOf(lines[first]) === 0) continue;
    const name = /^\s*"([^"]*)"/.exec(lines[first])?.[1] ?? "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "relay-json__fold";
    button.ariaExpanded = "true";
    button.ariaLabel = `${word("fold")} ${name || first + 1}`;
    button.addEventListener("click", () => {
      const isFolded = folded.delete(first);
      if (!isFolded) folded.add(first);
      button.ariaExpanded = String(isFolded);
      show();
    });
    rows[first].prepend(button);
  }
  pre.replaceChildren(...rows);
}

const foldAll = (place) => place.querySelectorAll("pre[data-relay-json]").forEach(foldable);
document.addEventListener("DOMContentLoaded", () => foldAll(document));
document.addEventListener("relay:fresh", (fresh) => foldAll(fresh.target));

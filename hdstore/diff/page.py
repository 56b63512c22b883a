"""Style and script of the report; both stand in the page as they are, and their hashes in its policy."""

from __future__ import annotations

__all__ = ["SCRIPT", "STYLE"]

STYLE = """
:root { --back: #fbfbfa; --card: #fff; --text: #1d2126; --dim: #626a73; --line: #d9dde1;
  --before: #d55e00; --after: #0072b2; --added: #1a7f37; --removed: #cf222e; --changed: #8a6100; --blank: #eef1f3; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171a; --card: #1c2024; --text: #e4e7ea; --dim: #98a1aa; --line: #343a41;
    --before: #ff9d42; --after: #56b4e9; --added: #57c26c; --removed: #ff7b72; --changed: #e3b341; --blank: #262b30; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
header, main { max-width: 1400px; margin: 0 auto; padding: 1rem 1.25rem; }
h1 { font-size: 1.4rem; margin: .2rem 0; }
h2 { font-size: 1.05rem; margin: 0 0 .6rem; overflow-wrap: anywhere; }
small, figcaption, .more { color: var(--dim); }
.tables { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; align-items: flex-start; }
table { border-collapse: collapse; margin: .4rem 0; display: block; max-height: 20rem; overflow: auto; }
th, td { padding: .12rem .7rem .12rem 0; text-align: right; font-weight: normal; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; max-width: 24rem; }
tr:first-child th { color: var(--dim); }
.key { padding-left: .4rem; border-left: .3rem solid; overflow-wrap: anywhere; }
.key.before { border-color: #ff9d42; border-left-style: dashed; }
.key.after { border-color: #4cc2ff; }
nav { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .4rem; align-items: center;
  padding: .5rem 1.25rem; background: var(--back); border-block: 1px solid var(--line); }
button { font: inherit; color: var(--dim); background: none; border: 1px solid var(--line); border-radius: 6px;
  padding: .15rem .6rem; cursor: pointer; }
button[aria-pressed="true"], button[data-step] { color: var(--text); }
button[aria-pressed="true"] { background: var(--card); border-color: currentColor; }
button[data-side="before"][aria-pressed="true"] { color: var(--before); }
button[data-side="after"][aria-pressed="true"] { color: var(--after); }
kbd { font: .8em ui-monospace, monospace; opacity: .7; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1rem;
  margin: 0 0 1rem; scroll-margin-top: 3.5rem; }
article:focus { outline: 2px solid var(--after); }
.frame { display: grid; grid-template-columns: minmax(0, 3fr) minmax(16rem, 2fr); gap: 1.2rem; }
@media (max-width: 800px) { .frame { grid-template-columns: minmax(0, 1fr); } }
figure { margin: 0 0 .8rem; }
figcaption p { margin: .25rem 0; overflow-wrap: anywhere; font-size: .85rem; }
svg { display: block; max-width: 100%; width: 100%; max-height: 80vh; border-radius: 4px; background: #343b42; }
svg path, svg ellipse, svg circle { fill: none; stroke: currentColor; stroke-width: 2.5px;
  vector-effect: non-scaling-stroke; fill-rule: evenodd; stroke-linejoin: round; }
svg circle { fill: currentColor; }
svg .mask { fill: currentColor; fill-opacity: .35; stroke: none; }
svg text { fill: currentColor; font-family: system-ui, sans-serif; font-weight: 600; paint-order: stroke;
  stroke: #000; stroke-width: .22em; stroke-linejoin: round; }
.blank { fill: #343b42; }
g.before { color: #ff9d42; }
g.before path, g.before ellipse { stroke-dasharray: 7 5; }
g.after { color: #4cc2ff; }
g.same { color: #e8e8e8; opacity: .65; }
g.same path, g.same ellipse { stroke-width: 1px; }
g.same text { display: none; }
.hide-before g.before, .hide-after g.after, .hide-same g.same { display: none; }
.pick g { opacity: .15; }
.pick g.picked { opacity: 1; }
ul { list-style: none; margin: 0; padding: 0; }
ul.version { margin-top: .6rem; }
ul.changes { max-height: 80vh; overflow: auto; }
li { padding: .15rem .3rem; overflow-wrap: anywhere; border-radius: 4px; }
li[data-n]:hover { background: var(--blank); }
li b { font-weight: 600; }
.sign { display: inline-block; width: 1em; font-family: ui-monospace, monospace; font-weight: 700; }
.added > .sign, .added > h2 > .sign { color: var(--added); }
.removed > .sign, .removed > h2 > .sign { color: var(--removed); }
.changed > .sign, .changed > h2 > .sign { color: var(--changed); }
"""

SCRIPT = """
"use strict";
const frames = Array.from(document.querySelectorAll("article"));
const place = document.getElementById("place");
let at = -1;
function go(step) {
  if (!frames.length) return;
  at = Math.min(Math.max(at + step, 0), frames.length - 1);
  frames[at].focus({ preventScroll: true });
  frames[at].scrollIntoView({ block: "start" });
  place.textContent = (at + 1) + " / " + frames.length;
}
function toggle(side) {
  const hidden = document.body.classList.toggle("hide-" + side);
  document.querySelector('[data-side="' + side + '"]').setAttribute("aria-pressed", String(!hidden));
}
document.querySelectorAll("[data-side]").forEach((b) => b.addEventListener("click", () => toggle(b.dataset.side)));
document.querySelectorAll("[data-step]").forEach((b) => b.addEventListener("click", () => go(Number(b.dataset.step))));
const keys = { b: () => toggle("before"), a: () => toggle("after"), u: () => toggle("same"),
  j: () => go(1), n: () => go(1), ArrowRight: () => go(1), k: () => go(-1), p: () => go(-1), ArrowLeft: () => go(-1) };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});
frames.forEach((frame, number) => {
  frame.addEventListener("pointerdown", () => { at = number; });
  frame.querySelectorAll("li[data-n]").forEach((item) => {
    const mark = (on) => frame.querySelectorAll("svg").forEach((svg) => {
      svg.classList.toggle("pick", on);
      svg.querySelectorAll(".n" + item.dataset.n).forEach((g) => g.classList.toggle("picked", on));
    });
    item.addEventListener("pointerenter", () => mark(true));
    item.addEventListener("pointerleave", () => mark(false));
  });
});
"""

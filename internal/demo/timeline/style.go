package timeline

// style is the sheet of every chart. Colors keep a contrast of 4.5 to 1 with
// what is behind them on both pages.
const style = `
:root { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --grid: #e4e8ec;
  --answered: #9dc0e6; --onanswered: #0f2942; --unanswered: #f8dfb4; --onunanswered: #4f3a12; --core: #f0982d; --oncore: #331d00;
  --mark: #0b7a43; --crash: #c9190b }
@media (prefers-color-scheme: dark) {
:root { --page: #0d1117; --ink: #e6edf3; --soft: #9aa4af; --grid: #232a33;
  --answered: #33628f; --onanswered: #e6f0fb; --unanswered: #5b4520; --onunanswered: #f3e2c3; --core: #d38419; --oncore: #140a00;
  --mark: #3fd07f; --crash: #ff6b60 } }
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink) }
.page { fill: var(--page) }
.title { font-size: 18px; font-weight: 600 }
.panel { font-size: 13.5px; font-weight: 600 }
.note, .legend, .tick { fill: var(--soft) }
.legend, .tick { font-size: 11px }
.tick { text-anchor: middle }
.end, .lane { text-anchor: end }
.lane, .on { font-family: ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; font-size: 11px }
.on { font-size: 10px }
.on.answered { fill: var(--onanswered) }
.on.unanswered { fill: var(--onunanswered) }
.on.core { fill: var(--oncore) }
.grid { stroke: var(--grid) }
rect.answered { fill: var(--answered) }
rect.unanswered { fill: var(--unanswered) }
rect.core { fill: var(--core) }
rect.mark { fill: var(--mark) }
line.mark { stroke: var(--mark); stroke-width: 2 }
.marked { fill: var(--mark); font-size: 11px; font-weight: 600 }
.crash, .halo { stroke: var(--crash); stroke-width: 2.5; stroke-linecap: round; fill: none }
.halo { stroke: var(--page); stroke-width: 6 }
`

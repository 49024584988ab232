// Draws each figure from the table inside it, so that both show the same numbers; T shows the tables.
"use strict";

(() => {
  const locale = document.documentElement.lang || "en";
  const day = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", timeZone: "UTC" });
  const root = getComputedStyle(document.documentElement);
  const colour = (name) => root.getPropertyValue(name).trim();
  const alpha = (hex, share) => hex + Math.round(share * 255).toString(16).padStart(2, "0");

  /** The table of a figure as uPlot wants it: one array of x, one for each column of numbers. */
  const read = (figure) => {
    const rows = [...figure.querySelectorAll("tbody tr")];
    const columns = figure.querySelectorAll("thead th").length - 1;
    const data = [rows.map((row) => Number(row.dataset.x))];
    for (let at = 0; at < columns; at += 1) {
      data.push(rows.map((row) => {
        const value = row.querySelectorAll("td")[at].dataset.v;
        return value === "" ? null : Number(value);
      }));
    }
    return { data, texts: rows.map((row) => [...row.children].map((cell) => cell.textContent)) };
  };

  const axes = (kind, xs) => {
    const ink = colour("--ink-2");
    const common = { stroke: ink, font: `12px ${colour("--font")}`, ticks: { show: false } };
    const x = { ...common, grid: { show: false }, size: 30 };
    if (kind === "bars") Object.assign(x, { values: (_, splits) => splits.map((v) => (Number.isInteger(v) ? String(v) : "")), incrs: [1] });
    else Object.assign(x, { values: (_, splits) => splits.map((v) => day.format(v * 1000)) });
    const thin = (width) => xs.filter((_, i) => (xs.length - 1 - i) % Math.ceil(xs.length / Math.max(1, Math.floor(width / 72))) === 0);
    if (kind !== "bars") x.splits = (u) => thin(u.bbox.width / devicePixelRatio);
    const y = { ...common, grid: { stroke: alpha(colour("--line-strong"), 0.5), width: 1 }, size: 40, incrs: kind === "means" ? [1] : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] };
    return [x, y];
  };

  const series = (kind, columns) => {
    const accent = colour("--accent");
    const second = colour("--plot-waiting");
    const bars = uPlot.paths.bars({ size: [0.6, 64] });
    const shapes = {
      bars: [{ stroke: accent, fill: accent, paths: bars, points: { show: false } }],
      means: [{ stroke: accent, width: 2, points: { show: true, size: 7, fill: accent } }, { show: false }],
      days: [
        { stroke: accent, fill: alpha(accent, 0.14), width: 2, points: { show: false } },
        { stroke: second, width: 2, points: { show: false } },
      ],
    };
    return [{}, ...shapes[kind].slice(0, columns)];
  };

  const scales = (figure, kind, xs) => {
    const low = Number(figure.dataset.low);
    const high = Number(figure.dataset.high);
    const week = 7 * 86400;
    const span = { bars: [low - 0.6, high + 0.6], means: [xs[0] - week / 2, xs[xs.length - 1] + week / 2], days: [xs[0] - 43200, xs[xs.length - 1] + 43200] };
    const up = (u, from, to) => [0, Math.max(1, to * 1.1)];
    return { x: { time: false, range: () => span[kind] }, y: { range: kind === "means" ? () => [low - 0.2, high + 0.2] : up } };
  };

  const draw = (figure) => {
    const kind = figure.dataset.plot;
    const { data, texts } = read(figure);
    const place = figure.querySelector(".drawing");
    const readout = figure.querySelector(".readout");
    const names = [...figure.querySelectorAll("thead th")].map((cell) => cell.textContent);
    if (!data[0].length) return null;
    figure.classList.add("drawn");
    place.replaceChildren();
    const tell = (u) => {
      const at = u.cursor.idx;
      readout.textContent = at === null || at === undefined ? "\u00a0"
        : `${texts[at][0]} · ${names.slice(1).map((name, i) => `${name} ${texts[at][i + 1]}`).join(" · ")}`;
    };
    return new uPlot({
      width: Math.max(200, place.clientWidth), height: 220,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: kind !== "bars" } },
      scales: scales(figure, kind, data[0]),
      axes: axes(kind, data[0]),
      series: series(kind, data.length - 1),
      hooks: { setCursor: [tell] },
      padding: [8, 20, 0, 0],
    }, kind === "means" ? data.slice(0, 3) : data, place);
  };

  const figures = [...document.querySelectorAll("figure[data-plot]")];
  const drawn = new Map();
  const drawAll = () => figures.forEach((figure) => {
    drawn.get(figure)?.destroy();
    drawn.set(figure, draw(figure));
  });
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  const resized = new ResizeObserver((entries) => entries.forEach((entry) => {
    const plot = drawn.get(entry.target.closest("figure"));
    const width = Math.floor(entry.contentRect.width);
    if (plot && width > 0 && width !== plot.width) plot.setSize({ width, height: 220 });
  }));
  figures.forEach((figure) => resized.observe(figure.querySelector(".drawing")));

  const button = document.getElementById("as-tables");
  const swap = () => {
    const on = document.body.classList.toggle("tables");
    button.setAttribute("aria-pressed", String(on));
  };
  button?.addEventListener("click", swap);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (!button || typing || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.getModifierState?.("AltGraph") || event.key.toLowerCase() !== "t") return;
    event.preventDefault();
    swap();
  });
})();

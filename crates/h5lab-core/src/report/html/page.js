// Draws the charts of the page, in the colours of the page, as wide as it is.
"use strict";
const h5lab = (() => {
  let printing = false;
  const narrow = () => !printing && window.innerWidth < 640;
  // A sheet of A4 or Letter has room for this: the width of a chart, and the height that one page holds, pixels.
  const SHEET = { width: 660, height: 880 };

  // The page's colours. The event before printing comes before the style of paper is in force, so that is told here.
  function colours() {
    if (printing) return { ink: "#000", line: "#bbb", card: "#fff", soft: "#333" };
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    return { ink: of("--ink"), line: of("--line"), card: of("--card"), soft: of("--soft") };
  }

  // Breaks a long name into lines at its spaces, or else where it must; what is escaped in it stays whole.
  function wrapped(text, most) {
    const lines = [""];
    const words = String(text).split(" ").flatMap((word) => {
      const letters = word.match(/&[a-z0-9#]+;|./gu) || [""];
      const parts = [];
      for (let at = 0; at < letters.length; at += most) parts.push(letters.slice(at, at + most).join(""));
      return parts;
    });
    for (const word of words) {
      const last = lines[lines.length - 1];
      if (last && last.length + word.length + 1 > most) lines.push(word);
      else lines[lines.length - 1] = last ? last + " " + word : word;
    }
    return lines.join("<br>");
  }

  function axis(axis, ink, line) {
    return { ...axis, color: ink, gridcolor: line, linecolor: ink, tickfont: { size: printing ? 8 : narrow() ? 10 : 12 } };
  }

  // The figure's own layout in the page's colours; names beside bars wrapped to what the width allows.
  function themed(figure) {
    const { ink, line, card, soft } = colours();
    const layout = structuredClone(figure.layout);
    layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.font = { color: ink, size: 13, family: "system-ui, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif" };
    layout.hoverlabel = { bgcolor: card, bordercolor: line, font: { color: ink }, align: "left" };
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink };
    layout.xaxis = axis(layout.xaxis, ink, line);
    layout.yaxis = axis(layout.yaxis, ink, line);
    layout.legend = { orientation: "h", y: -0.18, yref: "paper", x: 0, xanchor: "left", yanchor: "top" };
    layout.margin = { l: 20, r: 20, t: 24, b: 20, autoexpand: true };
    layout.showlegend = figure.data.some((trace) => trace.name && figure.data.length > 1);
    const rows = layout.yaxis.ticktext;
    if (rows) {
      const most = narrow() ? 20 : printing ? 62 : 56;
      layout.yaxis.ticktext = rows.map((text) => wrapped(text, most));
      const lines = Math.max(...layout.yaxis.ticktext.map((text) => text.split("<br>").length));
      layout.height += rows.length * Math.max(0, lines - 1) * (narrow() ? 11 : 8);
      // Below the axis's own title, however tall the chart is.
      layout.legend.y = -70 / Math.max(layout.height - 120, 100);
      if (layout.xaxis.title) layout.xaxis.title.standoff = 6;
    }
    if (layout.xaxis.ticktext && rows) {
      // As wide as a column is; aslant where a word is wider.
      const most = Math.max(7, Math.floor((narrow() ? 32 : printing ? 70 : 120) / layout.xaxis.ticktext.length));
      const aslant = layout.xaxis.ticktext.some((text) => text.split(" ").some((word) => word.length > most));
      if (aslant) layout.xaxis.tickangle = -40;
      else layout.xaxis.ticktext = layout.xaxis.ticktext.map((text) => wrapped(text, most));
    }
    if (layout.yaxis.title) layout.yaxis.title.standoff = 8;
    if (narrow()) {
      for (const side of [layout.xaxis, layout.yaxis]) {
        if (side.title) side.title = { ...side.title, text: wrapped(side.title.text, 24), font: { size: 12 } };
      }
      for (const note of layout.annotations || []) note.font.size = 10;
    }
    if (printing) Object.assign(layout, { width: SHEET.width, height: Math.min(layout.height, SHEET.height) });
    layout.autosize = !printing;
    return layout;
  }

  // Labels of marks, in lines that a phone has room for; of a heat map, they are in rows.
  function labels(text, most) {
    if (Array.isArray(text)) return text.map((part) => labels(part, most));
    return text && text.split("<br>").map((line) => wrapped(line, most)).join("<br>");
  }

  function traces(figure) {
    const { ink } = colours();
    return figure.data.map((trace) => {
      const own = { ...trace };
      if (narrow() && own.name) own.name = wrapped(own.name, 36);
      if (own.hovertext) own.hovertext = labels(own.hovertext, narrow() ? 38 : 90);
      if (own.colorbar) {
        own.colorbar = { ...own.colorbar, tickfont: { color: ink }, title: { ...own.colorbar.title, font: { color: ink } } };
        // Beside the map it would take a third of a phone.
        if (narrow()) {
          Object.assign(own.colorbar, { orientation: "h", x: 0.5, xanchor: "center", y: 0, yanchor: "top", ypad: 16, len: 0.9 });
          Object.assign(own.colorbar.title, { side: "bottom", font: { color: ink, size: 12 } });
        }
      }
      return own;
    });
  }

  const config = {
    responsive: true,
    displaylogo: false,
    // Nothing is sent anywhere.
    plotlyServerURL: "",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendDataToCloud", "sendChartToCloud"],
    toImageButtonOptions: { format: "svg" },
  };

  // What a click on the legend does, for the keyboard.
  function buttons(plot, figure) {
    if (plot.parentElement.querySelector(".series") || figure.data.length < 2) return;
    const box = document.createElement("div");
    box.className = "series";
    for (const name of new Set(figure.data.map((trace) => trace.name))) {
      const button = document.createElement("button");
      const text = document.createElement("textarea");
      text.innerHTML = name; // entities to characters: a textarea holds no elements
      button.textContent = text.value;
      button.type = "button";
      const these = figure.data.flatMap((trace, index) => (trace.name === name ? [index] : []));
      const shows = () => these.some((index) => plot.data[index].visible !== "legendonly");
      button.onclick = () => Plotly.restyle(plot, { visible: shows() ? "legendonly" : true }, these);
      // Whoever hides a line, the legend or a button, and whoever draws anew.
      const tell = () => button.setAttribute("aria-pressed", String(shows()));
      plot.on("plotly_restyle", tell);
      plot.on("plotly_afterplot", tell);
      tell();
      box.append(button);
    }
    plot.after(box);
  }

  function draw() {
    const figures = JSON.parse(document.getElementById("figures").textContent);
    for (const figure of figures) {
      const plot = document.getElementById(figure.id);
      // A finger needs no bar of tools, and it would cover what a phone has no other room for.
      Plotly.react(plot, traces(figure), themed(figure), { ...config, displayModeBar: narrow() || printing ? false : "hover" });
      buttons(plot, figure);
    }
    document.documentElement.dataset.drawn = figures.length;
  }

  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    const crossed = width < 640 !== narrow();
    width = window.innerWidth;
    if (crossed && !printing) draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.addEventListener("beforeprint", () => { printing = true; draw(); });
  window.addEventListener("afterprint", () => { printing = false; draw(); });
  draw();
  return { draw };
})();

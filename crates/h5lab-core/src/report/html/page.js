// Draws the charts of the page, in the colours of the page, as wide as it is.
"use strict";
const h5lab = (() => {
  const narrow = () => window.innerWidth < 640;
  let printing = false;

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
    return { ...axis, color: ink, gridcolor: line, linecolor: ink, tickfont: { size: narrow() ? 10 : 12 } };
  }

  // The figure's own layout in the page's colours; names beside bars wrapped to what the width allows.
  function themed(figure) {
    const style = getComputedStyle(document.documentElement);
    const [ink, line, card, soft] = ["--ink", "--line", "--card", "--soft"].map((name) => style.getPropertyValue(name).trim());
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
      const most = narrow() ? 20 : 56;
      layout.yaxis.ticktext = rows.map((text) => wrapped(text, most));
      const lines = Math.max(...layout.yaxis.ticktext.map((text) => text.split("<br>").length));
      layout.height += rows.length * Math.max(0, lines - 1) * (narrow() ? 11 : 8);
      // Below the axis's own title, however tall the chart is.
      layout.legend.y = -70 / Math.max(layout.height - 120, 100);
      if (layout.xaxis.title) layout.xaxis.title.standoff = 6;
    }
    if (layout.xaxis.ticktext && rows) {
      layout.xaxis.ticktext = layout.xaxis.ticktext.map((text) => wrapped(text, narrow() ? 9 : 16));
    }
    if (narrow()) {
      for (const side of [layout.xaxis, layout.yaxis]) {
        if (side.title) side.title = { ...side.title, text: wrapped(side.title.text, 24), font: { size: 12 } };
      }
      for (const note of layout.annotations || []) note.font.size = 10;
    }
    return layout;
  }

  // A colour bar takes a third of a phone.
  function traces(figure) {
    return figure.data.map((trace) => {
      const own = { ...trace };
      if (narrow() && own.name) own.name = wrapped(own.name, 36);
      if (narrow() && own.colorbar) own.showscale = false;
      if (own.colorbar) {
        const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
        own.colorbar = { ...own.colorbar, tickfont: { color: ink }, title: { ...own.colorbar.title, font: { color: ink } } };
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
      button.setAttribute("aria-pressed", "true");
      button.onclick = () => {
        const show = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(show));
        const these = figure.data.flatMap((trace, index) => (trace.name === name ? [index] : []));
        Plotly.restyle(plot, { visible: show ? true : "legendonly" }, these);
      };
      box.append(button);
    }
    plot.after(box);
  }

  function draw() {
    const figures = JSON.parse(document.getElementById("figures").textContent);
    for (const figure of figures) {
      const plot = document.getElementById(figure.id);
      Plotly.react(plot, traces(figure), themed(figure), config);
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

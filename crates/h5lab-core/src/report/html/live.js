// Asks for what is new, until the sweep is done or its server is gone.
"use strict";
(() => {
  let seen = "";
  async function ask() {
    let next = 1000;
    try {
      const answer = await fetch("state", { cache: "no-store" });
      const state = await answer.json();
      if (state.version !== seen) {
        const part = await fetch("part", { cache: "no-store" });
        const open = [...document.querySelectorAll("details[open]")].map((d) => d.closest("figure")?.querySelector(".plot")?.id);
        const page = await part.text();
        // Else the charts that go would go on listening for changes of the window.
        document.querySelectorAll(".plot").forEach((plot) => Plotly.purge(plot));
        document.getElementById("report").innerHTML = page;
        for (const id of open) document.getElementById(id)?.closest("figure").querySelector("details").setAttribute("open", "");
        h5lab.draw();
        seen = state.version;
      }
      document.getElementById("state").textContent = state.text;
      if (state.done) return;
    } catch {
      const state = document.getElementById("state");
      if (state) state.textContent = "The sweep has ended, or was stopped: this page shows what it had.";
      return;
    }
    setTimeout(ask, next);
  }
  ask();
})();

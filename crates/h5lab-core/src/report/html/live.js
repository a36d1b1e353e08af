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
        document.getElementById("report").innerHTML = await part.text();
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

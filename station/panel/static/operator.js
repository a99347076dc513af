"use strict";

const stream = new EventSource("/events");

function show(tile) {
  const section = document.querySelector(`[data-socket="${CSS.escape(tile.socket)}"]`);
  section.dataset.state = tile.state;
  section.querySelector(".state").textContent = tile.state;
}

stream.addEventListener("snapshot", (event) => JSON.parse(event.data).tiles.forEach(show));
stream.addEventListener("tile", (event) => show(JSON.parse(event.data)));

// The script of heapdump's page. It draws what the page's data element holds
// and makes the page's tables sortable. Text from a dump is put in as text and
// never as markup.
import { switches } from "./switches.js";
import { tables } from "./tables.js";
import { commands } from "./commands.js";
import { treemap } from "./treemap.js";
import { flame } from "./flame.js";
import { maps } from "./maps.js";

const draw = { treemap: (d, at) => treemap(at, d.space), flame: (d, at) => flame(at, d.stacks), maps: (d, at) => maps(at, d.maps) };

// render draws a picture when it first has a width: those of closed dumps wait.
function render(host, data) {
  const watch = new ResizeObserver(() => {
    if (host.clientWidth === 0) return;
    watch.disconnect();
    host.replaceChildren();
    draw[host.dataset.pic](data.pictures[Number(host.dataset.of)], { host, name: host.dataset.name, classes: data.classes });
  });
  watch.observe(host);
}

document.documentElement.classList.add("js");
switches();
tables();
commands();
const data = JSON.parse(document.getElementById("data").textContent);
for (const host of document.querySelectorAll(".pic")) render(host, data);

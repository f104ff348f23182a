// watch draws again when a place gets another width, and when the reader
// wants sizes otherwise.
export function watch(stage, draw) {
  let width = stage.clientWidth;
  new ResizeObserver(() => {
    if (stage.clientWidth === width || stage.clientWidth === 0) return;
    width = stage.clientWidth;
    draw();
  }).observe(stage);
  document.addEventListener("heapdump:sizes", () => stage.clientWidth && draw());
}

// Everything in its place.
video.addEventListener("error", () => {
  $("trouble").textContent = data.embedded
    ? "This browser does not play the video (H.264 and AAC in MP4). Everything else on the page works."
    : `This browser does not play ${data.source}: it is not where the page expects it, or of a kind that browsers do not play. Everything else on the page works.`;
  $("trouble").hidden = false;
});
video.src = data.embedded ? URL.createObjectURL(new Blob([movie], { type: "video/mp4" })) : data.source;
timeline.setAttribute("aria-valuemax", data.duration.toFixed(2));
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
new ResizeObserver(draw).observe(timeline);
new ResizeObserver(place).observe(video);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
scale();
show(0, data.duration > 120 ? 60 : 0);
if (data.duration > 120) document.querySelector('input[name="zoom"][value="60"]').checked = true;
apply();
document.body.dataset.ready = "yes";

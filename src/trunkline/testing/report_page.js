const tests = [...document.querySelectorAll(".test")];
const filters = document.getElementById("filters");
const noMatch = document.getElementById("no-match");
const fold = document.getElementById("fold");
// A folded test's text counts too, so it is read once.
const texts = new Map(tests.map((test) => [test, test.textContent.toLowerCase()]));

function filter() {
  const { words, outcome } = filters.elements;
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const test of tests) {
    const matches = outcome.value === "" || outcome.value === undefined || test.dataset.outcome === outcome.value;
    test.hidden = !(matches && wanted.every((word) => texts.get(test).includes(word)));
  }
  noMatch.hidden = tests.some((test) => !test.hidden);
}

filters?.addEventListener("input", filter);
filters?.addEventListener("submit", (event) => event.preventDefault());
fold?.addEventListener("click", () => {
  const open = fold.textContent === "Open all";
  for (const test of tests) test.open = open;
  fold.textContent = open ? "Fold all" : "Open all";
});

for (const section of document.querySelectorAll("section")) {
  const audio = section.querySelector("audio");
  const rows = [...section.querySelectorAll("tr[data-ms]")];
  for (const place of section.querySelectorAll(audio ? "[data-ms]" : ".voices [data-ms]")) {
    place.addEventListener("click", () => {
      const ms = Number(place.dataset.ms);
      rows.findLast((row) => Number(row.dataset.ms) <= ms)?.scrollIntoView({ block: "nearest", behavior: "smooth" });
      if (!audio) return;
      audio.currentTime = Math.max(0, ms / 1000 - 0.2);
      audio.play();
    });
  }
  audio?.addEventListener("timeupdate", () => {
    const now = 1000 * audio.currentTime;
    const playing = rows.findLast((row) => Number(row.dataset.ms) <= now);
    for (const row of rows) row.classList.toggle("playing", row === playing && !audio.paused);
  });
}

// A slider that plays: a button that moves it from place to place.

// All places are played in about so many milliseconds, but none faster than the eye follows.
const PLAYED_IN = 8000;
const SHORTEST = 80;
const LONGEST = 600;

/**
 * @param {{label: string, last: number, at: number, words: (place: number) => string,
 *   go: (place: number) => void, rest: () => void}} options  go: to a place; rest: it stopped
 * @returns {{elements: Element[], stop: () => void}}
 */
function player({ label, last, at, words, go, rest }) {
  let playing = 0;
  const bar = slider(label, { last, value: at, words }, (place) => {
    stop();
    at = place;
    go(at);
  });
  const play = button("Play", () => (playing ? stop() : start()), { disabled: last < 1 });

  function move(place) {
    at = place;
    bar.show(at);
    go(at);
  }

  function start() {
    if (at >= last) move(0);
    play.textContent = "Pause";
    const pace = Math.max(SHORTEST, Math.min(LONGEST, PLAYED_IN / Math.max(last, 1)));
    playing = setInterval(() => {
      move(at + 1);
      if (at >= last) stop();
    }, pace);
  }

  function stop() {
    if (!playing) return;
    clearInterval(playing);
    playing = 0;
    play.textContent = "Play";
    rest();
  }

  return { elements: [play, bar.element], stop };
}

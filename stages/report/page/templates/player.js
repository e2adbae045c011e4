// Players of notes: a piano-roll on a canvas, and its sound from oscillators. One plays at a time.
let output = null, pause = () => {};
const ahead = 2.5; // seconds: timers of pages in the background run once a second

function listen() {
  if (output) return;
  const context = new AudioContext();
  output = new DynamicsCompressorNode(context, { threshold: -12, ratio: 20, attack: 0.002 });
  output.connect(context.destination);
}

for (const player of document.querySelectorAll(".player")) {
  const { colours, pieces } = JSON.parse(player.nextElementSibling.textContent);
  const select = player.querySelector("select");
  const button = player.querySelector("button");
  const slider = player.querySelector("input");
  const clock = player.querySelector(".clock");
  const legend = player.querySelector(".parts");
  const canvas = player.querySelector("canvas");
  const tail = 0.3; // seconds after the last note
  let piece, length, position = 0, sound = null, timer = null, startedAt = 0, next = 0, painted = null;

  const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  // A note is [part, onset in ms, duration in ms, MIDI pitch].
  function choose() {
    stop();
    piece = pieces[select ? select.selectedIndex : 0];
    length = Math.max(0, ...piece.notes.map(([, onset, duration]) => onset + duration)) / 1000 + tail;
    slider.max = length;
    seek(0);
    canvas.setAttribute("aria-label", `Piano-roll of ${piece.label}: ${piece.notes.length} notes`);
    canvas.dataset.notes = piece.notes.length;
    const parts = [...new Set(piece.notes.map(([part]) => part))].sort((one, other) => one - other);
    legend.replaceChildren(...parts.map((part) => {
      const [item, colour] = [document.createElement("li"), document.createElement("span")];
      colour.style.background = colours[(part - 1) % colours.length];
      item.append(colour, `part ${part}`);
      return item;
    }));
    paint();
  }

  function paint() {
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
    painted = document.createElement("canvas");
    [painted.width, painted.height] = [canvas.width, canvas.height] = [width, height];
    const context = painted.getContext("2d");
    const pitches = piece.notes.length ? piece.notes.map((note) => note[3]) : [60];
    const [low, high] = [Math.min(...pitches) - 1, Math.max(...pitches) + 2];
    const row = height / (high - low);
    for (let pitch = low; pitch < high; pitch++)
      if (pitch % 12 === 0) { // a line below each C
        context.fillStyle = "#d9dee5";
        context.fillRect(0, height - (pitch - low) * row, width, scale);
      }
    for (const [part, onset, duration, pitch] of piece.notes) {
      context.fillStyle = colours[(part - 1) % colours.length];
      const x = (onset / 1000 / length) * width;
      const w = Math.max(scale, (duration / 1000 / length) * width - scale);
      context.fillRect(x, height - (pitch - low + 1) * row, w, Math.max(scale, row - scale));
    }
    show();
  }

  function show() {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(painted, 0, 0);
    context.fillStyle = "#1c2430";
    context.fillRect((position / length) * canvas.width - 1, 0, 2 * (window.devicePixelRatio || 1), canvas.height);
    slider.value = position;
    slider.setAttribute("aria-valuetext", `${minutes(position)} of ${minutes(length)}`);
    clock.textContent = `${minutes(position)} / ${minutes(length)}`;
  }

  function seek(to) {
    const playing = sound !== null;
    stop();
    position = to;
    if (painted) show();
    if (playing) play();
  }

  function tone([, onset, duration, pitch], now) {
    const { context } = sound;
    const start = Math.max(now, startedAt + onset / 1000);
    const end = startedAt + (onset + duration) / 1000;
    if (end <= now) return;
    const gain = context.createGain();
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(1, start + 0.02);
    gain.gain.setValueAtTime(1, Math.max(start + 0.02, end - 0.04));
    gain.gain.linearRampToValueAtTime(0, Math.max(start + 0.06, end));
    const oscillator = new OscillatorNode(context, { frequency: 440 * 2 ** ((pitch - 69) / 12) });
    oscillator.setPeriodicWave(context.createPeriodicWave([0, 0, 0, 0, 0], [0, 0.6, 0.25, 0.1, 0.05]));
    oscillator.connect(gain).connect(sound);
    oscillator.start(start);
    oscillator.stop(Math.max(start + 0.06, end));
  }

  function play() {
    listen();
    pause();
    pause = stop;
    sound = new GainNode(output.context, { gain: 0.15 });
    sound.connect(output);
    if (position >= length - tail) position = 0;
    startedAt = output.context.currentTime + 0.05 - position;
    next = 0;
    button.textContent = "Pause";
    schedule();
    timer = setInterval(schedule, 200);
    requestAnimationFrame(draw);
  }

  // Oscillators start a little ahead: thousands at once would stutter.
  function schedule() {
    const now = output.context.currentTime;
    while (next < piece.notes.length && startedAt + piece.notes[next][1] / 1000 < now + ahead)
      tone(piece.notes[next++], now);
    position = Math.max(0, now - startedAt);
    if (position >= length) {
      stop();
      position = length;
      show();
    }
  }

  function draw() {
    if (!sound) return;
    position = Math.min(length, Math.max(0, output.context.currentTime - startedAt));
    show();
    requestAnimationFrame(draw);
  }

  function stop() {
    clearInterval(timer);
    sound?.disconnect();
    sound = null;
    button.textContent = "Play";
  }

  button.addEventListener("click", () => (sound ? stop() : play()));
  slider.addEventListener("input", () => seek(Number(slider.value)));
  if (select) select.addEventListener("change", choose);
  window.addEventListener("resize", paint);
  player.hidden = false;
  choose();
}

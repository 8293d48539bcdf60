// What the hand and the ear notice: one high tone and a short buzz for a ticket that lets in, two low ones for one that
// doesn't.

let context = null;

/** Browsers make no sound before the first tap. */
export function unlockSound() {
  context ??= globalThis.AudioContext ? new AudioContext() : null;
  context?.resume().catch(() => {});
}

function tone(frequency, startSeconds, seconds) {
  const oscillator = context.createOscillator();
  const volume = context.createGain();
  const start = context.currentTime + startSeconds;
  oscillator.frequency.value = frequency;
  oscillator.type = "square";
  volume.gain.setValueAtTime(0.15, start);
  volume.gain.exponentialRampToValueAtTime(0.001, start + seconds);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + seconds);
}

export function signal(isGood) {
  navigator.vibrate?.(isGood ? 80 : [200, 100, 200]);
  if (context?.state !== "running") return;
  if (isGood) tone(1320, 0, 0.15);
  else {
    tone(220, 0, 0.25);
    tone(180, 0.3, 0.35);
  }
}

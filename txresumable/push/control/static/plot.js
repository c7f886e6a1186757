// How fast it went, as a line: the newest sample is on the right.

const WIDTH = 600, HEIGHT = 80, SAMPLES = 150;

export class Plot {
  constructor(svg) {
    this.svg = svg;
    this.line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
    svg.append(this.line);
    this.rates = [];
    this.last = null;
  }

  // What was transferred so far, in bytes, at a time in milliseconds; returns bytes a second.
  add(bytes, now) {
    if (this.last !== null && now > this.last.now) {
      const rate = Math.max(0, (bytes - this.last.bytes) / (now - this.last.now) * 1000);
      this.rates.push(rate);
      this.rates.splice(0, this.rates.length - SAMPLES);
    }
    this.last = {bytes, now};
    this.draw();
    return this.rates.at(-1) ?? 0;
  }

  get highest() {
    return Math.max(0, ...this.rates);
  }

  draw() {
    const top = this.highest || 1;
    const first = SAMPLES - this.rates.length;
    this.line.setAttribute('points', this.rates.map((rate, index) => {
      const x = (first + index) / (SAMPLES - 1) * WIDTH;
      return `${x.toFixed(1)},${(HEIGHT - 2 - rate / top * (HEIGHT - 4)).toFixed(1)}`;
    }).join(' '));
  }
}

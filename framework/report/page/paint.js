// ---- colours and strokes ------------------------------------------------------------------------------------

const kBuffersOnLight = ["#1f6fc4", "#0f7d55", "#a85f00", "#7d44bd", "#0b7885", "#ad3d85", "#5d6d10", "#82543a"];
const kBuffersOnDark = ["#6cb2f5", "#4fcf9a", "#f0a94a", "#bd93f9", "#4fd0dc", "#f08bc9", "#b9cc4a", "#d3a178"];
const kSpaceHues = [212, 148, 38, 286, 182, 330, 92, 12];
const kClasses = 3 + kBuffersOnLight.length;  // several, nowhere, buffers ...
const kFont = '12px ui-monospace, "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace';

const theme = {
  read() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(`--${name}`).trim();
    for (const name of ["page", "panel", "ink", "dim", "rule", "accent", "bad", "warn", "good", "track", "nowhere"]) {
      this[name] = value(name);
    }
    this.tint = value("tint");
    this.tint_ink = value("tint-ink");
    this.tint_edge = value("tint-edge");
    this.dark = parseFloat(this.tint) < 50;
    this.buffers = this.dark ? kBuffersOnDark : kBuffersOnLight;
    this.on_buffer = this.dark ? "#101316" : "#ffffff";
    this.hatch = null;
  },
  space(number) {
    const hue = kSpaceHues[number % kSpaceHues.length];
    return { fill: `hsl(${hue} 60% ${this.tint})`, edge: `hsl(${hue} 45% ${this.tint_edge})`, ink: `hsl(${hue} 70% ${this.tint_ink})` };
  },
};

// What colours a DMA: the memory it ended in. 0 several places or unknown, 1 nowhere, 2 ... a buffer.
const class_of = (buffer) => (buffer === kNowhere ? 1 : buffer < 0 ? 0 : 2 + (buffer % kBuffersOnLight.length));
const class_colour = (number) => (number === 0 ? theme.ink : number === 1 ? theme.nowhere : theme.buffers[number - 2]);

const place_classes = Uint8Array.from(data.places, ([, buffer]) => class_of(buffer));

// A brush on one canvas.
class Brush {
  constructor(canvas) {
    this.canvas = canvas;
    this.c = canvas.getContext("2d");
    this.widths = new Map();
  }
  resize(width, height) {
    const ratio = window.devicePixelRatio || 1;
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.c.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.c.font = kFont;
    this.c.textBaseline = "middle";
  }
  box(x, y, w, h, fill, stroke) {
    if (fill) {
      this.c.fillStyle = fill;
      this.c.fillRect(x, y, w, h);
    }
    if (stroke && w > 2) {
      this.c.strokeStyle = stroke;
      this.c.lineWidth = 1;
      this.c.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1);
    }
  }
  hatched(x, y, w, h, colour) {
    this.c.save();
    this.c.beginPath();
    this.c.rect(x, y, w, h);
    this.c.clip();
    this.c.strokeStyle = colour;
    this.c.lineWidth = 1.4;
    this.c.beginPath();
    const first = Math.floor((x - h) / 6) * 6;
    for (let at = first; at < x + w + h; at += 6) {
      this.c.moveTo(at, y + h);
      this.c.lineTo(at + h, y);
    }
    this.c.stroke();
    this.c.restore();
  }
  measure(text) {
    let width = this.widths.get(text);
    if (width === undefined) {
      if (this.widths.size > 5000) this.widths.clear();
      this.widths.set(text, width = this.c.measureText(text).width);
    }
    return width;
  }
  // The text, cut to `room` with an ellipsis; nothing if hardly any of it would be left.
  text(text, x, y, room, colour) {
    if (room < 16) return 0;
    const width = this.measure(text);
    if (width > room) {
      const letters = Math.floor(room / (width / text.length)) - 1;
      if (letters < 4) return 0;
      text = `${text.slice(0, letters)}…`;
    }
    this.c.fillStyle = colour;
    this.c.fillText(text, x, y);
    return Math.min(width, room);
  }
  // A mark for what went wrong: a wedge that points down at it.
  wedge(x, y, colour) {
    this.c.fillStyle = colour;
    this.c.beginPath();
    this.c.moveTo(x - 5, y);
    this.c.lineTo(x + 5, y);
    this.c.lineTo(x, y + 7);
    this.c.fill();
  }
}


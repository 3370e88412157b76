// ---- the strip above the timeline ---------------------------------------------------------------------------

// The whole trace in one strip, with the part that is shown below.
function paint_overview(time) {
  const { brush } = time, [low, high] = axis.whole();
  const key = `${brush.width} ${theme.dark} ${window.devicePixelRatio}`;
  if (time.overview?.key !== key) time.overview = { key, image: overview_image(time, low, high) };
  brush.c.drawImage(time.overview.image, 0, 0, brush.width, kOverview);
  const place = (at) => (at - low) / (high - low) * brush.width;
  const left = place(time.from), right = Math.max(place(time.to), left + 3);
  brush.c.globalAlpha = 0.62;
  brush.box(0, 0, left, kOverview, theme.page);
  brush.box(right, 0, brush.width - right, kOverview, theme.page);
  brush.c.globalAlpha = 1;
  brush.c.strokeStyle = theme.accent;
  brush.c.lineWidth = 1.5;
  brush.c.strokeRect(left + 0.75, 1, right - left - 1.5, kOverview - 2);
}

function overview_image(time, low, high) {
  const image = new Brush(document.createElement("canvas"));
  const { width } = time.brush;
  image.resize(width, kOverview);
  image.box(0, 0, width, kOverview, theme.panel);
  const scale = width / (high - low);
  const strip = (rows, y, height, colour) => {
    const seen = new Shares(Math.ceil(width), 1);
    for (const row of rows) seen.add(row, 0, row.length, low, scale, () => 0);
    seen.sum();
    for (let x = 0; x < seen.width; ++x) if (seen.counts[x] > 0) image.box(x, y, 1, height, colour);
  };
  strip(step_rows, 6, 7, theme.dim);
  const each = Math.max(1, Math.floor(13 / Math.max(1, device_tracks.length)));
  device_tracks.forEach((d, n) => strip(d.rows, 15 + n * each, Math.max(1, each - 1), theme.accent));
  for (const row of all_rows) {
    for (const k of row.grave) {
      const colour = gravity(row.table.line[row.members[k]]) > 1 ? theme.bad : theme.warn;
      image.box(((row.begins[k] + row.ends[k]) / 2 - low) * scale - 1, 2, 2.5, kOverview - 4, colour);
    }
  }
  return image.canvas;
}


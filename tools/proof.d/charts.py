"""Line charts as SVG text: no library, no script in the page."""
from html import escape

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 30, 34
COLOURS = ("#1f6f8b", "#c8553d", "#5b8c3e", "#7a4f9a")


def nice_step(span, parts):
    """1, 2 or 5 times a power of ten, so that `span` has at most `parts` steps."""
    if span <= 0:
        return 1.0
    step = 10.0 ** len(str(int(span)))
    while True:
        for factor in (0.5, 0.4, 0.5):
            if span / (step * factor) > parts:
                return step
            step *= factor


def label(value):
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f} k"
    return f"{value:,.4g}"


def thinned(values):
    """At most one point for each unit of width: the highest, so that no peak is lost."""
    size = -(-len(values) // WIDTH)
    return [max(values[i:i + size], key=lambda p: p[1]) for i in range(0, len(values), size)] if values else []


def line_chart(title, unit, series, x_unit="s", from_zero=True):
    """`series`: {name: [(x, y), …]}."""
    points = [p for values in series.values() for p in values]
    if not points:
        return ""
    x_max = max(x for x, _ in points) or 1
    y_high = max(y for _, y in points) or 1
    y_low = 0 if from_zero else min(y for _, y in points)
    y_step = nice_step(y_high - y_low, 5)
    y_low = y_step * (y_low // y_step)
    y_high = max(y_high, y_low + y_step)
    across = lambda x: LEFT + (WIDTH - LEFT - RIGHT) * x / x_max
    up = lambda y: TOP + (HEIGHT - TOP - BOTTOM) * (1 - (y - y_low) / (y_high - y_low))
    out = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
           f'<text x="{LEFT}" y="16" class="title">{escape(title)} ({escape(unit)})</text>']
    y = y_low
    while y <= y_high * 1.0001:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}" class="grid"/>'
                   f'<text x="{LEFT - 6}" y="{up(y) + 4:.1f}" text-anchor="end">{label(y)}</text>')
        y += y_step
    x, x_step = 0.0, nice_step(x_max, 8)
    while x <= x_max * 1.0001:
        out.append(f'<text x="{across(x):.1f}" y="{HEIGHT - 16}" text-anchor="middle">{label(x)}</text>')
        x += x_step
    out.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{escape(x_unit)}</text>')
    for i, (name, values) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in thinned(values))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        out.append(f'<text x="{LEFT + 110 * i}" y="{HEIGHT - 3}" fill="{colour}">{escape(name)}</text>')
    return "\n".join(out + ["</svg>"])


def bar_chart(title, bars):
    """`bars`: [(name, share of its bound that was reached, holds)]; the line in the middle is the bound."""
    height = TOP + 22 * len(bars) + 10
    middle = LEFT + 300 + 200
    out = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
           f'<text x="8" y="16" class="title">{escape(title)}</text>']
    for i, (name, share, holds) in enumerate(bars):
        y = TOP + 22 * i
        width = min(share, 1.7) * 200
        colour = COLOURS[2] if holds else COLOURS[1]
        out.append(f'<text x="{LEFT + 294}" y="{y + 13}" text-anchor="end">{escape(name[:64])}</text>'
                   f'<rect x="{LEFT + 300}" y="{y}" width="{width:.0f}" height="16" fill="{colour}"/>')
    out.append(f'<line x1="{middle}" x2="{middle}" y1="{TOP - 4}" y2="{height - 6}" stroke="#222"/>')
    return "\n".join(out + ["</svg>"])

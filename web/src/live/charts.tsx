// Pictures of figures, each with its numbers in words for those who do not see it.
import {rate, shortCount} from '../format';
import {HISTORY_SECONDS, type Sample} from './data';

const WIDTH = 600;
const HEIGHT = 120;
const PAD = 4;

export interface Series {
  label: string;
  className: string;
  value: (sample: Sample) => number;
}

// A young page shows its first minute wide, an old one the last five.
function spanSeconds(samples: Sample[]): number {
  const age = ((samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0)) / 1000;
  return Math.min(HISTORY_SECONDS, Math.max(60, Math.ceil(age / 60) * 60));
}

function pathOf(samples: Sample[], value: Series['value'], max: number): string {
  const newest = samples.at(-1)?.atMs ?? 0;
  const span = spanSeconds(samples) * 1000;
  const x = (s: Sample) => WIDTH - ((newest - s.atMs) / span) * WIDTH;
  const y = (s: Sample) => HEIGHT - PAD - (value(s) / max) * (HEIGHT - 2 * PAD);
  return samples.map((s, i) => `${i === 0 ? 'M' : 'L'}${x(s).toFixed(1)} ${y(s).toFixed(1)}`).join('');
}

export function LineChart(props: {title: string; samples: Sample[]; series: Series[]; unit: string}) {
  const {title, samples, series, unit} = props;
  const highest = Math.max(0, ...samples.flatMap((s) => series.map((line) => line.value(s))));
  const max = Math.max(1, highest);  // of the scale: nothing at all is a flat line
  const last = samples.at(-1);
  const show = unit === '' ? shortCount : rate;
  const minutes = spanSeconds(samples) / 60;
  const words = series.length === 0 ? 'none' : series.map((s) => `${s.label} ${last ? show(s.value(last)) : 0}${unit}`).join(', ');
  return (
    <figure class="card chart">
      <figcaption>
        <h2 class="minor">{title}</h2>
        <span class="legend">
          {series.length === 0 && <span class="dim">none</span>}
          {series.map((s) => (
            <span key={s.label}><i class={`swatch ${s.className}`} aria-hidden="true" />
              {s.label} <b>{last ? show(s.value(last)) : '–'}</b>{unit}</span>
          ))}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img"
           aria-label={`${title}, last ${minutes} min. Now: ${words}. Highest: ${show(highest)}.`}>
        <line class="grid" x1="0" x2={WIDTH} y1={HEIGHT - PAD} y2={HEIGHT - PAD} />
        <line class="grid" x1="0" x2={WIDTH} y1={PAD} y2={PAD} />
        {series.map((s) => <path key={s.label} class={s.className} d={pathOf(samples, s.value, max)} />)}
      </svg>
      <div class="scale" aria-hidden="true"><span>{minutes} min ago</span><span>highest {show(highest)}</span><span>now</span></div>
    </figure>
  );
}

export interface Bar {
  label: string;
  value: number;
}

export function Bars({title, bars, empty}: {title: string; bars: Bar[]; empty: string}) {
  const shown = bars.filter((b) => b.value > 0).sort((a, b) => b.value - a.value).slice(0, 8);
  const max = Math.max(1, ...shown.map((b) => b.value));
  return (
    <section class="card bars">
      <h2 class="minor">{title}</h2>
      {shown.length === 0 && <p class="dim">{empty}</p>}
      <dl>
        {shown.map((b) => (
          <div key={b.label}>
            <dt>{b.label}</dt>
            <dd>
              <span class="track" aria-hidden="true"><i style={{width: `${(100 * b.value) / max}%`}} /></span>
              {shortCount(b.value)}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

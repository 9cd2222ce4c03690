// The frame: which view, which colours.
import {useEffect, useLayoutEffect, useState} from 'preact/hooks';

import {Explorer} from './explorer/explorer';
import {Live} from './live/live';
import {readStored, writeStored} from './storage';

type View = 'live' | 'explorer';
type Theme = 'auto' | 'light' | 'dark';

const VIEWS: {id: View; label: string}[] = [
  {id: 'live', label: 'Live'},
  {id: 'explorer', label: 'API explorer'},
];
const THEMES: Theme[] = ['auto', 'light', 'dark'];
const THEME_KEY = 'session-status-theme';

const viewInHash = (): View => (location.hash === '#explorer' ? 'explorer' : 'live');

function readTheme(): Theme {
  const stored = readStored(THEME_KEY) as Theme | null;
  return stored && THEMES.includes(stored) ? stored : 'auto';
}

export function App() {
  const [view, setView] = useState(viewInHash);
  const [theme, setTheme] = useState(readTheme);

  useEffect(() => {
    const onHashChange = () => setView(viewInHash());
    window.addEventListener('hashchange', onHashChange);
    return () => window.removeEventListener('hashchange', onHashChange);
  }, []);
  useEffect(() => {
    document.title = view === 'live' ? 'Live · Session status' : 'API explorer · Session status';
  }, [view]);
  // Before the first paint: the page must not flash in the other colours.
  useLayoutEffect(() => {
    writeStored(THEME_KEY, theme);
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }, [theme]);

  const nextTheme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById('main')?.focus();
      }}>Skip to content</a>
      <header>
        <span class="brand">
          <img src="/ui/favicon.svg" alt="" width="24" height="24" />
          Session status
        </span>
        <nav aria-label="Views">
          {VIEWS.map(({id, label}) => (
            <a key={id} href={`#${id}`} aria-current={view === id ? 'page' : undefined}>{label}</a>
          ))}
        </nav>
        <button type="button" class="quiet" onClick={() => setTheme(nextTheme)}>
          Colours: {theme}
        </button>
      </header>
      <main id="main" tabIndex={-1}>{view === 'live' ? <Live /> : <Explorer />}</main>
    </>
  );
}

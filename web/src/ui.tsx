// Small parts that both views use.
import type {ComponentChildren, JSX, RefObject} from 'preact';
import {useEffect, useRef, useState} from 'preact/hooks';

import {printable, state as stateWords} from './format';

export function StateMark({state}: {state: string | undefined}) {
  const words = stateWords(state);
  return <span class={`state state-${words.replace(' ', '-')}`}>{words}</span>;
}

// Opens one client. An identifier may have 65,535 bytes: what is too long for a line is cut, and whole
// in the tip and in what opens.
export function ClientLink({id, onOpen}: {id: string; onOpen: (id: string) => void}) {
  const shown = printable(id);
  return <button type="button" class="link client" title={shown} onClick={() => onOpen(id)}>{shown}</button>;
}

export interface Tab {
  id: string;
  label: string;
}

// The tabs pattern of the ARIA authoring guide: arrows move, Home and End jump.
export function Tabs(props: {
  label: string;
  tabs: Tab[];
  active: string;
  onChange: (id: string) => void;
  children: ComponentChildren;
}) {
  const list = useRef<HTMLDivElement>(null);
  const index = Math.max(0, props.tabs.findIndex((t) => t.id === props.active));
  const prefix = props.label.replaceAll(' ', '-').toLowerCase();
  const onKeyDown = (event: JSX.TargetedKeyboardEvent<HTMLDivElement>) => {
    const last = props.tabs.length - 1;
    const next = {
      ArrowRight: index === last ? 0 : index + 1,
      ArrowLeft: index === 0 ? last : index - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    props.onChange(props.tabs[next]!.id);
    list.current?.querySelectorAll<HTMLButtonElement>('[role=tab]')[next]?.focus();
  };
  const active = props.tabs[index];
  return (
    <div class="tabs">
      <div role="tablist" aria-label={props.label} ref={list} onKeyDown={onKeyDown}>
        {props.tabs.map((tab, i) => (
          <button key={tab.id} type="button" role="tab" id={`${prefix}-tab-${tab.id}`}
                  aria-selected={i === index} aria-controls={`${prefix}-panel`}
                  tabIndex={i === index ? 0 : -1} onClick={() => props.onChange(tab.id)}>
            {tab.label}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${prefix}-panel`} aria-labelledby={`${prefix}-tab-${active?.id}`}
           tabIndex={0}>
        {props.children}
      </div>
    </div>
  );
}

const COPIED_SHOWN_MS = 1500;
const ADVICE_SHOWN_MS = 6000;

// A browser may have no clipboard for the page (plain HTTP from another machine) or refuse it: then the
// text is selected, for the keyboard.
function CopyButton({text, shownIn}: {text: string; shownIn: RefObject<HTMLElement>}) {
  const [said, setSaid] = useState<'' | 'Copied' | 'Press Ctrl+C'>('');
  useEffect(() => {
    if (!said) return;
    const timer = window.setTimeout(() => setSaid(''), said === 'Copied' ? COPIED_SHOWN_MS : ADVICE_SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch {
      if (shownIn.current) getSelection()?.selectAllChildren(shownIn.current);
      setSaid('Press Ctrl+C');
    }
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      <span aria-live="polite">{said || 'Copy'}</span>
    </button>
  );
}

export function Code({text, label}: {text: string; label: string}) {
  const code = useRef<HTMLElement>(null);
  return (
    <div class="code">
      <CopyButton text={text} shownIn={code} />
      <pre tabIndex={0} aria-label={label}><code ref={code}>{text}</code></pre>
    </div>
  );
}

// Nothing to show because nothing is kept: not the same as nothing to tell.
export function SwitchedOff({option}: {option: string}) {
  return <p class="dim">Off: the plugin's option {option} is 0. A larger number turns it on.</p>;
}

export function Notice({kind, children}: {kind: 'error' | 'hint'; children: ComponentChildren}) {
  return <div class={`notice ${kind}`} role={kind === 'error' ? 'alert' : 'note'}>{children}</div>;
}

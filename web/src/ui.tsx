// Small parts that both views use.
import type {ComponentChildren, JSX} from 'preact';
import {useEffect, useRef, useState} from 'preact/hooks';

import {state as stateWords} from './format';

export function StateMark({state}: {state: string | undefined}) {
  const words = stateWords(state);
  return <span class={`state state-${words.replace(' ', '-')}`}>{words}</span>;
}

// Opens one client. An identifier may have 65,535 bytes: what is too long for a line is cut, and whole
// in the tip and in what opens.
export function ClientLink({id, onOpen}: {id: string; onOpen: (id: string) => void}) {
  return <button type="button" class="link client" title={id} onClick={() => onOpen(id)}>{id}</button>;
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

export function CopyButton({text, label = 'Copy'}: {text: string; label?: string}) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = window.setTimeout(() => setCopied(false), COPIED_SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    await navigator.clipboard?.writeText(text);
    setCopied(true);
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      <span aria-live="polite">{copied ? 'Copied' : label}</span>
    </button>
  );
}

export function Code({text, label}: {text: string; label: string}) {
  return (
    <div class="code">
      <CopyButton text={text} />
      <pre tabIndex={0} aria-label={label}><code>{text}</code></pre>
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

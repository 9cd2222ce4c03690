// The left side of the explorer: which operation, its parameters, how to sign.
import type {JSX} from 'preact';

import {Notice} from '../ui';
import type {Description, Field, Operation} from './description';
import type {Input, Scheme} from './request';
import {canSign} from './sign';

const SCHEMES: {id: Scheme; label: string}[] = [
  {id: 'unsigned', label: 'Unsigned'},
  {id: 'v1', label: 'V1, HMAC-SHA1'},
  {id: 'v3', label: 'V3, ACS3-HMAC-SHA256'},
];

type InputEvent = JSX.TargetedEvent<HTMLInputElement | HTMLSelectElement>;

function ListField({field, values, onChange}: {
  field: Field;
  values: string[];
  onChange: (values: string[]) => void;
}) {
  const set = (i: number, value: string) => onChange(values.map((v, j) => (j === i ? value : v)));
  return (
    <fieldset>
      <legend>{field.name}{field.required && <b aria-hidden="true"> *</b>}</legend>
      <p class="dim">{field.help}</p>
      {values.map((value, i) => (
        <div class="row" key={i}>
          <input aria-label={`${field.name} ${i + 1}`} value={value} autocomplete="off" spellcheck={false}
                 onInput={(e) => set(i, e.currentTarget.value)} />
          <button type="button" class="quiet" disabled={values.length === 1}
                  aria-label={`Remove ${field.name} ${i + 1}`}
                  onClick={() => onChange(values.filter((_, j) => j !== i))}>−</button>
        </div>
      ))}
      <button type="button" class="quiet" disabled={values.length >= field.itemsMax}
              onClick={() => onChange([...values, ''])}>+ Add</button>
    </fieldset>
  );
}

function TextField({field, value, onChange}: {
  field: Field;
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <label>{field.name}{field.required && <b aria-hidden="true"> *</b>}
      <input name={field.name} value={value} required={field.required} autocomplete="off" spellcheck={false}
             onInput={(e) => onChange(e.currentTarget.value)} />
      <small class="dim">{field.help}</small>
    </label>
  );
}

function Operations({operations, active, onPick}: {
  operations: Operation[];
  active: Operation;
  onPick: (operation: Operation) => void;
}) {
  const groups: [string, Operation[]][] = [
    ['ApsaraMQ for MQTT API', operations.filter((o) => o.surface === 'openapi')],
    ['Admin service', operations.filter((o) => o.surface === 'admin')],
  ];
  return (
    <nav class="operations" aria-label="Operations">
      {groups.map(([title, members]) => (
        <div key={title}>
          <h2 class="minor">{title}</h2>
          <ul>
            {members.map((o) => (
              <li key={o.id}>
                <button type="button" aria-pressed={o.id === active.id} onClick={() => onPick(o)}>
                  {o.name}<small>{o.summary}</small>
                </button>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function Signing({input, onChange}: {input: Input; onChange: (part: Partial<Input>) => void}) {
  const able = canSign();
  return (
    <fieldset class="signing">
      <legend>Signature</legend>
      <div class="choices">
        {SCHEMES.map(({id, label}) => (
          <label key={id} class="choice">
            <input type="radio" name="scheme" checked={input.scheme === id} disabled={!able && id !== 'unsigned'}
                   onChange={() => onChange({scheme: id})} />{label}
          </label>
        ))}
      </div>
      {!able && (
        <Notice kind="hint">
          Browsers sign only on pages that came over HTTPS or from this machine. Use one of those, or
          the generated code.
        </Notice>
      )}
      {input.scheme === 'unsigned' ? (
        <p class="dim">Answered on loopback while the plugin has no access file.</p>
      ) : (
        <>
          <label>Access key ID
            <input name="accessKeyId" autocomplete="off" spellcheck={false} value={input.accessKeyId}
                   onInput={(e: InputEvent) => onChange({accessKeyId: e.currentTarget.value.trim()})} />
          </label>
          <label>Access key secret
            <input name="secret" type="password" autocomplete="off" value={input.secret}
                   onInput={(e: InputEvent) => onChange({secret: e.currentTarget.value})} />
            <small class="dim">Signs in this page and never leaves it; gone when you close it.</small>
          </label>
          <label>Security token
            <input name="securityToken" autocomplete="off" spellcheck={false} value={input.securityToken}
                   onInput={(e: InputEvent) => onChange({securityToken: e.currentTarget.value.trim()})} />
            <small class="dim">Only with temporary keys.</small>
          </label>
        </>
      )}
    </fieldset>
  );
}

function Select<T extends string>(props: {
  label: string;
  value: T;
  options: readonly T[];
  onChange: (value: T) => void;
}) {
  return (
    <label>{props.label}
      <select value={props.value} onChange={(e) => props.onChange(e.currentTarget.value as T)}>
        {props.options.map((o) => <option key={o} value={o}>{o}</option>)}
      </select>
    </label>
  );
}

export function CallForm(props: {
  description: Description;
  input: Input;
  busy: boolean;
  onChange: (part: Partial<Input>) => void;
  onPick: (operation: Operation) => void;
  onSend: () => void;
}) {
  const {description, input, onChange} = props;
  const {operation, values} = input;
  const setValue = (name: string, value: string[]) => onChange({values: {...values, [name]: value}});
  return (
    <div class="card">
      <Operations operations={description.operations} active={operation} onPick={props.onPick} />
      <form onSubmit={(event) => { event.preventDefault(); props.onSend(); }}>
        <h2>{operation.name}</h2>
        <p class="dim">{operation.help}</p>
        {operation.fields.map((field) => field.list ? (
          <ListField key={field.name} field={field} values={values[field.name] ?? ['']}
                     onChange={(v) => setValue(field.name, v)} />
        ) : (
          <TextField key={field.name} field={field} value={values[field.name]?.[0] ?? ''}
                     onChange={(v) => setValue(field.name, [v])} />
        ))}
        {operation.surface === 'openapi' && (
          <>
            <Signing input={input} onChange={onChange} />
            <div class="columns">
              <Select label="Method" value={input.method} options={['POST', 'GET']}
                      onChange={(method) => onChange({method})} />
              <Select label="Format" value={input.format} options={['JSON', 'XML']}
                      onChange={(format) => onChange({format})} />
              <Select label="Version" value={input.version} options={description.apiVersions}
                      onChange={(version) => onChange({version})} />
            </div>
          </>
        )}
        <div class="send">
          <button type="submit" class="primary" disabled={props.busy}>
            {props.busy ? 'Calling …' : 'Call'}
          </button>
        </div>
      </form>
    </div>
  );
}

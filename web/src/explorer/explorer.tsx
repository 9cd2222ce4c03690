// "Try it": fill in, call, read the answer, take the code away.
import {useEffect, useState} from 'preact/hooks';

import {Code, Notice, Tabs} from '../ui';
import {samples} from './codegen';
import {type Description, loadDescription, type Operation} from './description';
import {CallForm} from './form';
import {type Exchange, ReplyPanel} from './reply';
import {type Input, prepare, send} from './request';

function emptyValues(operation: Operation, instanceId: string): Input['values'] {
  return Object.fromEntries(operation.fields.map((f) =>
    [f.name, [f.name.toLowerCase() === 'instanceid' && f.required ? instanceId : '']]));
}

// What was typed for one operation serves the next: identifiers go over.
function carriedValues(from: Input, to: Operation, instanceId: string): Input['values'] {
  const isId = (name: string) => /^clientid/i.test(name);
  const ids = Object.entries(from.values)
    .filter(([name]) => isId(name)).flatMap(([, v]) => v).filter((v) => v !== '');
  const values = emptyValues(to, instanceId);
  for (const field of to.fields) {
    if (!isId(field.name) || ids.length === 0) continue;
    values[field.name] = field.list ? ids.slice(0, field.itemsMax) : ids.slice(0, 1);
  }
  return values;
}

function Documentation({operation, description}: {operation: Operation; description: Description}) {
  return (
    <>
      <h3>Answer</h3>
      <dl class="facts">
        {operation.reply.map((m) => <div key={m.name}><dt>{m.name} <small>{m.type}</small></dt><dd>{m.help}</dd></div>)}
      </dl>
      <h3>Errors</h3>
      <div class="scroll" tabIndex={0} role="region" aria-label="Errors">
        <table>
          <thead><tr><th scope="col">Code</th><th scope="col">HTTP</th><th scope="col">Message</th><th scope="col">What to do</th></tr></thead>
          <tbody>
            {description.errors[operation.surface].map((e) => (
              <tr key={`${e.code} ${e.status}`}><th scope="row">{e.code}</th><td>{e.status}</td><td>{e.message}</td><td>{e.remedy}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function CodePanel({input, description}: {input: Input; description: Description}) {
  const [language, setLanguage] = useState('curl');
  const all = samples(input, {host: location.host, https: location.protocol === 'https:'});
  const tabs = [...all.map(({id, label}) => ({id, label})), {id: 'docs', label: 'Documentation'}];
  const sample = all.find((s) => s.id === language);
  const active = sample || language === 'docs' ? language : 'curl';
  const shown = sample ?? all[0]!;
  return (
    <section class="card" aria-labelledby="code-title">
      <h2 id="code-title">Take it away</h2>
      <Tabs label="Languages" tabs={tabs} active={active} onChange={setLanguage}>
        {active === 'docs' ? <Documentation operation={input.operation} description={description} /> : (
          <>
            {shown.install && <p class="dim">Needs: <code>{shown.install}</code></p>}
            <Code label={`${shown.label} program`} text={shown.code} />
          </>
        )}
      </Tabs>
    </section>
  );
}

function Workbench({description}: {description: Description}) {
  const [input, setInput] = useState<Input>(() => {
    const operation = description.operations[0]!;
    return {
      operation,
      values: emptyValues(operation, description.instanceId),
      scheme: 'unsigned',
      method: 'POST',
      format: 'JSON',
      version: description.apiVersions[0]!,
      accessKeyId: '',
      secret: '',
      securityToken: '',
    };
  });
  const [exchange, setExchange] = useState<Exchange>();
  const [calls, setCalls] = useState(0);
  const [failure, setFailure] = useState('');
  const [busy, setBusy] = useState(false);

  const call = async () => {
    const number = calls + 1;
    setBusy(true);
    setFailure('');
    try {
      const request = await prepare(input);
      const answer = await send(request);
      setExchange({number, operation: input.operation, scheme: input.scheme, request, answer});
    } catch (e) {
      setExchange(undefined);
      setFailure(e instanceof Error ? e.message : String(e));
    } finally {
      setCalls(number);
      setBusy(false);
    }
  };
  return (
    <div class="workbench">
      <CallForm description={description} input={input} busy={busy}
                onChange={(part) => setInput((i) => ({...i, ...part}))}
                onPick={(operation) => setInput((i) => ({
                  ...i, operation, values: carriedValues(i, operation, description.instanceId)}))}
                onSend={() => void call()} />
      <div>
        {failure && <Notice kind="error">Call {calls} did not get through: {failure}</Notice>}
        {exchange
          ? <ReplyPanel exchange={exchange} description={description} />
          : !failure && <Notice kind="hint">Fill in the form and press Call. Successful calls of the ApsaraMQ API are metered.</Notice>}
        <CodePanel input={input} description={description} />
      </div>
    </div>
  );
}

export function Explorer() {
  const [description, setDescription] = useState<Description>();
  const [failure, setFailure] = useState('');
  useEffect(() => {
    loadDescription().then(setDescription, (e: unknown) => setFailure(String(e)));
  }, []);
  return (
    <>
      <h1 class="visually-hidden">API explorer</h1>
      {failure && <Notice kind="error">The description of the API did not load: {failure}</Notice>}
      {description && <Workbench description={description} />}
    </>
  );
}

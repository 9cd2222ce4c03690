// What a reply says, in JSON or XML, as the same value. What XML leaves open (is "true" a word or a
// truth value, is one element a list?) the API's description decides.
import type {Schema} from './description';
import type {Answer} from './request';

export type Body = Record<string, unknown>;

function memberOf(children: Element[], schema: Schema | undefined): unknown {
  if (schema?.type === 'array') return children.map((child) => valueOf(child, schema.items));
  return children.length === 1 ? valueOf(children[0]!, schema) : children.map((c) => valueOf(c, schema));
}

function objectOf(element: Element, schema: Schema | undefined): Body {
  const children = [...element.children];
  const names = new Set([
    ...children.map((child) => child.localName),
    // A list without elements leaves no trace in XML.
    ...Object.entries(schema?.properties ?? {}).filter(([, s]) => s.type === 'array').map(([name]) => name),
  ]);
  return Object.fromEntries([...names].map((name) =>
    [name, memberOf(children.filter((child) => child.localName === name), schema?.properties?.[name])]));
}

function valueOf(element: Element, schema: Schema | undefined): unknown {
  if (schema?.type === 'object' || element.childElementCount > 0) return objectOf(element, schema);
  const text = element.textContent ?? '';
  return schema?.type === 'boolean' ? text === 'true' : text;
}

// Undefined: neither JSON nor XML, or not whole. `schema`: of a reply without error.
export function bodyOf(answer: Answer, schema?: Schema): Body | undefined {
  if (answer.xml) return objectOf(answer.xml.documentElement, schema);
  try {
    const body: unknown = JSON.parse(answer.text);
    return typeof body === 'object' && body !== null ? body as Body : undefined;
  } catch {
    return undefined;
  }
}

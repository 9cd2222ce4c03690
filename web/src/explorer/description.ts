// The API as /openapi.json describes it, reduced to what forms and code need.

export type Surface = 'openapi' | 'admin';

export interface Field {
  name: string;
  list: boolean;
  required: boolean;
  itemsMax: number;
  help: string;
}

export interface Operation {
  id: string;
  surface: Surface;
  name: string;
  path: string; // of an admin call
  summary: string;
  help: string;
  fields: Field[];
  reply: {name: string; type: string; help: string}[];
  replySchema: Schema;
}

export interface DocumentedError {
  code: string;
  status: number;
  message: string;
  remedy: string;
}

export interface Description {
  instanceId: string;
  apiVersions: string[];
  operations: Operation[];
  errors: Record<Surface, DocumentedError[]>;
}

export interface Schema {
  type?: string;
  $ref?: string;
  items?: Schema;
  maxItems?: number;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the document is ours, and tested
type Document = any;

const field = (name: string, schema: Schema, required: boolean): Field => ({
  name,
  list: schema.type === 'array',
  required,
  itemsMax: schema.maxItems ?? 1,
  help: schema.description ?? '',
});

function fieldsOf(post: Document): Field[] {
  const schema: Schema | undefined = post.requestBody?.content['application/json'].schema;
  if (schema) {
    return Object.entries(schema.properties ?? {}).map(([name, s]) =>
      field(name, s, schema.required?.includes(name) ?? false));
  }
  return (post.parameters ?? []).map((p: {
    name: string;
    required: boolean;
    description?: string;
    schema: Schema;
  }) => field(p.name, {description: p.description ?? '', ...p.schema}, p.required));
}

// With what its references name in their place. No schema of ours holds itself.
function resolved(schema: Schema, document: Document): Schema {
  const {$ref, items, properties, ...own} = schema;
  const named: Schema = $ref ? resolved(document.components.schemas[$ref.split('/').pop()!], document) : {};
  return {
    ...named,
    ...own,
    ...(items && {items: resolved(items, document)}),
    ...(properties && {properties: Object.fromEntries(
      Object.entries(properties).map(([name, s]) => [name, resolved(s, document)]))}),
  };
}

function operationOf(path: string, post: Document, document: Document): Operation {
  const schema: Schema = post.responses['200'].content['application/json'].schema;
  return {
    id: post.operationId,
    surface: post['x-surface'],
    name: post.operationId.split('.').pop(),
    path,
    summary: post.summary,
    help: post.description,
    fields: fieldsOf(post),
    reply: Object.entries(schema.properties ?? {}).map(([name, s]) => ({
      name,
      type: s.type ?? s.$ref?.split('/').pop() ?? '',
      help: s.description ?? '',
    })),
    replySchema: resolved(schema, document),
  };
}

export async function loadDescription(): Promise<Description> {
  const response = await fetch('/openapi.json');
  if (!response.ok) throw new Error(`/openapi.json: HTTP ${response.status}`);
  const document: Document = await response.json();
  return {
    instanceId: document['x-instance-id'],
    apiVersions: document['x-api-versions'],
    operations: Object.entries<Document>(document.paths).map(([path, item]) =>
      operationOf(path, item.post, document)),
    errors: document['x-errors'],
  };
}

// "InvalidParameter.%s" and "Missing%s" stand for every parameter's name; the longest fit counts, and of
// several with this code the one that comes with this status.
export function findError(errors: DocumentedError[], code: string, status: number): DocumentedError | undefined {
  const prefix = (e: DocumentedError) => (e.code.endsWith('%s') ? e.code.slice(0, -2) : e.code);
  return errors
    .filter((e) => e.code === code || (e.code.endsWith('%s') && code.startsWith(prefix(e))))
    .sort((a, b) => prefix(b).length - prefix(a).length
      || Number(b.status === status) - Number(a.status === status))[0];
}

// The vendor's SDKs behind one face: call(operation, parameters, settings) → the reply's body, or an
// error {code, status, requestId, message, retryAfter, detail}. Nothing of them is patched.
import {createRequire} from 'node:module';

const require = createRequire(import.meta.url);
const PopCore = require('@alicloud/pop-core');
const core = require('@alicloud/openapi-core');
const dara = require('@darabonba/typescript');
const openApi = require('@alicloud/openapi-client');
const openApiUtil = require('@alicloud/openapi-util');
const teaUtil = require('@alicloud/tea-util');

function failure(fields) {
  return Object.assign(new Error(`${fields.code}: ${fields.message}`), {sdk: true}, fields);
}

// settings: {endpoint, tls, version, key: {AccessKeyId, AccessKeySecret, SecurityToken}}
function popCore(method) {
  return async (operation, parameters, {endpoint, tls, version, key}) => {
    const client = new PopCore.RPCClient({
      endpoint: `${tls ? 'https' : 'http'}://${endpoint}`,
      apiVersion: version,
      accessKeyId: key.AccessKeyId,
      accessKeySecret: key.AccessKeySecret,
      securityToken: key.SecurityToken,
    });
    try {
      return await client.request(operation, parameters, {method, formatAction: false});
    } catch (error) {
      if (error.code === undefined || error.entry === undefined) throw error;
      throw failure({
        code: error.code,
        status: error.entry.response.statusCode,
        requestId: error.data.RequestId,
        message: error.data.Message,
        retryAfter: Number(error.entry.response.headers['x-acs-retry-after']) || undefined,
        detail: error.data.AccessDeniedDetail,
        className: error.name,
      });
    } finally {
      client.keepAliveAgent.destroy();
    }
  };
}

function teaParams(Params, operation, version, method) {
  return new Params({
    action: operation, version, protocol: 'HTTPS', pathname: '/', method, authType: 'AK',
    style: 'RPC', reqBodyType: 'formData', bodyType: 'json',
  });
}

function teaConfig(Config, {endpoint, tls, key}, algorithm) {
  return new Config({
    accessKeyId: key.AccessKeyId, accessKeySecret: key.AccessKeySecret,
    securityToken: key.SecurityToken, endpoint, protocol: tls ? 'HTTPS' : 'HTTP',
    ...(key.SecurityToken ? {type: 'sts'} : {}),
    ...(algorithm ? {signatureAlgorithm: algorithm} : {}),
  });
}

// `place`: 'query' or 'body', where the business parameters go.
function openApiCore(algorithm, method, place) {
  return async (operation, parameters, settings) => {
    const client = new core.default(teaConfig(core.$OpenApiUtil.Config, settings, algorithm));
    const flat = core.OpenApiUtil.query(parameters);
    const request = new core.$OpenApiUtil.OpenApiRequest(
        place === 'body' ? {body: flat} : {query: flat});
    try {
      const params = teaParams(core.$OpenApiUtil.Params, operation, settings.version, method);
      return (await client.callApi(params, request, new dara.RuntimeOptions({}))).body;
    } catch (error) {
      if (error.statusCode === undefined) throw error;
      throw failure({
        code: error.code, status: error.statusCode, requestId: error.data.RequestId,
        message: error.data.Message, retryAfter: error.retryAfter,
        detail: error.accessDeniedDetail, className: error.name,
      });
    }
  };
}

function openApiClient(algorithm, method, place) {
  return async (operation, parameters, settings) => {
    const client = new openApi.default(teaConfig(openApi.Config, settings, algorithm));
    const flat = openApiUtil.default.query(parameters);
    const request = new openApi.OpenApiRequest(place === 'body' ? {body: flat} : {query: flat});
    try {
      const params = teaParams(openApi.Params, operation, settings.version, method);
      return (await client.callApi(params, request, new teaUtil.RuntimeOptions({}))).body;
    } catch (error) {
      if (error.data === undefined) throw error;
      throw failure({
        code: error.code, status: error.data.statusCode, requestId: error.data.RequestId,
        message: error.data.Message, detail: error.accessDeniedDetail, className: error.name,
      });
    }
  };
}

export const sdks = {
  'pop-core GET (V1)': popCore('GET'),
  'pop-core POST (V1)': popCore('POST'),
  'openapi-core POST (V3)': openApiCore(undefined, 'POST', 'query'),
  'openapi-core GET (V3)': openApiCore(undefined, 'GET', 'query'),
  'openapi-core form (V3)': openApiCore(undefined, 'POST', 'body'),
  'openapi-core POST (V1)': openApiCore('v2', 'POST', 'query'),
  'openapi-core form (V1)': openApiCore('v2', 'POST', 'body'),
  'openapi-client POST (V3)': openApiClient(undefined, 'POST', 'query'),
  'openapi-client form (V3)': openApiClient(undefined, 'POST', 'body'),
  'openapi-client POST (V1)': openApiClient('v2', 'POST', 'query'),
  'openapi-client form (V1)': openApiClient('v2', 'POST', 'body'),
};

// A call without any credentials, and one with a bearer token: only the newest SDK can make them.
export async function callWithoutKey(kind, operation, parameters, {endpoint, tls, version}) {
  const config = new core.$OpenApiUtil.Config({
    endpoint, protocol: tls ? 'HTTPS' : 'HTTP',
    ...(kind === 'bearer' ? {bearerToken: 'some-token', type: 'bearer'} : {}),
  });
  const client = new core.default(config);
  const params = teaParams(core.$OpenApiUtil.Params, operation, version, 'POST');
  if (kind === 'anonymous') params.authType = 'Anonymous';
  const request = new core.$OpenApiUtil.OpenApiRequest({query: core.OpenApiUtil.query(parameters)});
  return client.callApi(params, request, new dara.RuntimeOptions({}));
}

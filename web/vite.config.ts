import {defineConfig} from 'vite';

// One script, one style sheet, nothing inline: the plugin serves them under a strict
// Content-Security-Policy. `npm run dev` forwards the API to a local plugin.
const plugin = 'http://127.0.0.1:18080';

export default defineConfig({
  base: '/ui/',
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
  esbuild: {jsx: 'automatic', jsxImportSource: 'preact'},
  server: {
    proxy: {'/v1': plugin, '/openapi.json': plugin, '/mosquitto_session_status.v1.SessionStatusService': plugin},
  },
});

import neostandard from 'neostandard'

// Run from the top of the project, so that the pages' scripts, which stand with the backend, keep to the same style.
export default [
  ...neostandard({ ignores: ['**/node_modules'] }),
  ...neostandard({ files: ['ai-backend/**/*.js'], env: ['browser'], globals: { htmx: 'readonly', uPlot: 'readonly' } }),
  { files: ['ai-backend/**/*.js'], rules: { 'new-cap': ['error', { newIsCapExceptions: ['uPlot'], capIsNew: false }] } }
]

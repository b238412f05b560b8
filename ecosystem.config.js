// The processes of the desk, for PM2: backend, agents, and a connector for each account. `make up` starts them under a PM2 of their own (var/pm2), so that nobody
// else's applications are touched. Settings come from .env, which each process reads by itself.
const path = require('node:path')

const root = __dirname
const varDir = process.env.FRONTDESK_VAR || path.join(root, 'var')
const python = process.env.FRONTDESK_PYTHON || path.join(root, '.venv', 'bin', 'python')

const common = {
  cwd: root,
  exec_mode: 'fork',
  autorestart: true,
  // A process that cannot start is tried again, more and more slowly, for as long as it takes.
  exp_backoff_restart_delay: 200,
  kill_timeout: 30000,
  merge_logs: true,
  time: false
}

function frontdesk (name, args) {
  return {
    ...common,
    name: `frontdesk-${name}`,
    script: python,
    args: ['-m', 'frontdesk', ...args],
    interpreter: 'none',
    out_file: path.join(varDir, 'log', `${name}.log`),
    error_file: path.join(varDir, 'log', `${name}.log`)
  }
}

// The accounts of EXTRA_ACCOUNTS (name=secret, comma-separated), apart from the main one.
function extraAccounts () {
  const settings = { ...process.env }
  require(path.join(root, 'connector-node', 'node_modules', 'dotenv')).config({ path: path.join(root, '.env'), processEnv: settings, quiet: true })
  return (settings.EXTRA_ACCOUNTS || '').split(',').map((pair) => pair.split('=')[0].trim()).filter(Boolean)
}

function connector (account) {
  const name = account === 'main' ? 'connector' : `connector-${account}`
  return {
    ...common,
    name: `frontdesk-${name}`,
    script: path.join(root, 'connector-node', 'src', 'main.js'),
    interpreter: process.execPath,
    env: { WA_ACCOUNT: account },
    out_file: path.join(varDir, 'log', `${name}.log`),
    error_file: path.join(varDir, 'log', `${name}.log`)
  }
}

module.exports = {
  apps: [
    frontdesk('backend', ['serve']),
    frontdesk('agents', ['agents']),
    ...['main', ...extraAccounts()].map(connector)
  ]
}

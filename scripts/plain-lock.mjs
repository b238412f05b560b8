// Takes out of package-lock.json in this folder what names hosts and says nothing about what is installed.
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = 'package-lock.json'
const lock = JSON.parse(readFileSync(FILE, 'utf8'))
for (const entry of Object.values(lock.packages)) {
  for (const name of ['funding', 'licenses', 'resolved']) delete entry[name]
  if (typeof entry.license === 'object') delete entry.license
}
writeFileSync(FILE, JSON.stringify(lock, null, 2) + '\n')

// A stand-in for the page at web.whatsapp.com, as far as the unmodified whatsapp-web.js reads and drives it.
// "The phone" is the test's server: it holds contacts, chats and messages, sends commands as server-sent events, and
// hears what the page does by POST. Only the pairing lives here, in IndexedDB, as the real session lives in the
// browser's profile.
/* eslint-env browser */
'use strict'

;(() => {
  const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

  class Emitter {
    #listeners = new Map()

    on (names, listener) {
      for (const name of names.split(' ')) {
        if (!this.#listeners.has(name)) this.#listeners.set(name, new Set())
        this.#listeners.get(name).add(listener)
      }
    }

    off (names, listener) {
      for (const name of names.split(' ')) this.#listeners.get(name)?.delete(listener)
    }

    once (names, listener) {
      const wrapped = (...args) => { this.off(names, wrapped); listener(...args) }
      this.on(names, wrapped)
    }

    emit (name, ...args) {
      for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(...args)
    }
  }

  class Model extends Emitter {
    constructor (attributes) {
      super()
      Object.assign(this, attributes)
    }

    set (changes) {
      for (const [name, value] of Object.entries(changes)) {
        const previous = this[name]
        this[name] = value
        for (const target of [this, this.collection?.deref()]) target?.emit(`change:${name}`, this, value, previous)
      }
      for (const target of [this, this.collection?.deref()]) target?.emit('change', this)
    }

    serialize () {
      const plain = {}
      for (const [name, value] of Object.entries(this)) {
        if (name !== 'collection' && typeof value !== 'function' && !(value instanceof Emitter)) plain[name] = value
      }
      return plain
    }
  }

  class Collection extends Emitter {
    #models = new Map()

    get (id) { return this.#models.get(keyOf(id)) }
    getModelsArray () { return [...this.#models.values()] }
    get length () { return this.#models.size }
    async find (id) { return this.get(id) }
    async update (id) { return this.get(id) }

    add (model) {
      const key = model.key ?? keyOf(model.id)
      if (this.#models.has(key)) return this.#models.get(key)
      this.#models.set(key, model)
      model.collection ??= new WeakRef(this)
      this.emit('add', model)
      return model
    }

    remove (model) {
      if (this.#models.delete(model.key ?? keyOf(model.id))) this.emit('remove', model)
    }

    clear () { this.#models.clear() }

    putFirst (models) { this.#models = new Map([...models, ...this.#models.values()].map((model) => [model.key, model])) }
  }

  const keyOf = (id) => typeof id === 'string' ? id : id.key ?? id._serialized

  class Wid {
    constructor (serialized) {
      const [user, server] = serialized.split('@')
      this.user = user.split(':')[0]
      this.server = server
      this._serialized = `${this.user}@${server}`
    }

    toString () { return this._serialized }
    toJSON () { return this._serialized }
    toJid () { return this._serialized }
    isLid () { return this.server === 'lid' }
    isGroup () { return this.server === 'g.us' }
    isUser () { return this.server === 'c.us' || this.server === 'lid' }
    isStatus () { return this._serialized === 'status@broadcast' }
    isBroadcast () { return this.server === 'broadcast' }
    isNewsletter () { return this.server === 'newsletter' }
  }

  const widOf = (value) => value instanceof Wid ? value : new Wid(typeof value === 'string' ? value : value._serialized)

  // The id of a message as the library sees it. Which part carries the whole id has changed over time.
  function messageId ({ fromMe, remote, id, participant }, shape) {
    const whole = [fromMe, remote, id, ...(participant ? [participant] : [])].join('_')
    const parts = { fromMe, remote: widOf(remote), id }
    if (participant) parts.participant = widOf(participant)
    if (shape === 'serialized') parts._serialized = whole
    if (shape === '$1') parts.$1 = whole
    Object.defineProperty(parts, 'key', { value: whole })
    return parts
  }

  class MsgKey {
    constructor ({ from, to, id, participant }) {
      Object.assign(this, messageId({ fromMe: true, remote: to._serialized, id, participant: participant?._serialized }, 'serialized'))
    }

    static async newId () { return '3EB0' + crypto.randomUUID().replaceAll('-', '').slice(0, 18).toUpperCase() }
  }

  let phone = { me: null, contacts: [], chats: [], settings: {} }
  const report = (event, details = {}) => fetch('/report', { method: 'POST', body: JSON.stringify({ event, ...details }) }).catch(() => {})

  const Msg = new Collection()
  const Chat = new Collection()
  const Contact = new Collection()
  const GroupMetadata = new Collection()
  const Cmd = new Emitter()
  const Conn = new Model({ ref: null, pushname: null, platform: 'android', wid: null })
  const Socket = new Model({ state: 'OPENING', hasSynced: false })

  Msg.modelClass = Model
  // What is not loaded is in the database.
  Msg.getMessagesById = async (ids) => ({ messages: ids.map((id) => Msg.get(id) ?? loaded(id)).filter(Boolean) })
  Contact.find = async (id) => Contact.get(id) ?? contactOf({ id: widOf(id)._serialized })

  Socket.logout = async () => { report('logout'); unlink() }
  Socket.takeover = () => Socket.set({ state: 'CONNECTED' })
  Socket.reconnect = () => Socket.set({ state: 'CONNECTED' })

  function contactOf (data) {
    const known = Contact.get(data.id)
    if (known) return known
    return Contact.add(new Model({
      id: widOf(data.id),
      phoneNumber: data.phone ? widOf(data.phone) : undefined,
      name: data.name,
      pushname: data.pushname ?? data.name,
      isBusiness: false,
      isEnterprise: false,
      isContactBlocked: false
    }))
  }

  function chatOf (data) {
    const known = Chat.get(data.id)
    if (known) return known
    const id = widOf(data.id)
    const chat = new Model({
      id,
      formattedTitle: data.title ?? Contact.get(data.id)?.name ?? id.user,
      mute: { expiration: 0 },
      unreadCount: 0,
      t: 0,
      archive: false,
      older: [...(data.older ?? [])]
    })
    chat.msgs = new Collection()
    if (id.isGroup()) {
      const participants = (data.participants ?? []).map((participant) => ({ id: widOf(participant), isAdmin: false }))
      chat.groupMetadata = new Model({ id, subject: data.title, announce: false, isLidAddressingMode: false })
      chat.groupMetadata.serialize = () => ({ id: id._serialized, subject: data.title, participants: participants.map((p) => ({ ...p })) })
      GroupMetadata.add(chat.groupMetadata)
    }
    chat.serialize = () => ({
      id, formattedTitle: chat.formattedTitle, unreadCount: chat.unreadCount, t: chat.t, archive: chat.archive, msgs: [...chat.msgs.getModelsArray()].map((msg) => keyOf(msg.id))
    })
    return Chat.add(chat)
  }

  function messageOf (data, { isNew }) {
    const chat = chatOf({ id: data.chat, title: data.title })
    const fromMe = Boolean(data.fromMe)
    const id = messageId({ fromMe, remote: data.chat, id: data.id, participant: data.author }, data.idShape ?? 'serialized')
    const me = widOf(phone.me)
    const message = new Model({
      id,
      body: data.body ?? '',
      caption: data.caption,
      type: data.type ?? 'chat',
      t: data.t,
      ack: data.ack ?? 1,
      from: fromMe ? me : widOf(data.chat),
      to: fromMe ? widOf(data.chat) : me,
      author: data.author ? widOf(data.author) : undefined,
      notifyName: data.notifyName,
      isNewMsg: isNew,
      isNotification: Boolean(data.isNotification),
      ...data.extra
    })
    if (message.directPath) {
      // The real page knows this by the message; the file itself is with the phone.
      message.mediaData = { mediaStage: data.stage ?? 'RESOLVED' }
      message.downloadMedia = async () => { message.mediaData.mediaStage = data.stage ?? 'RESOLVED' }
    }
    Object.defineProperty(message, 'key', { value: id.key })
    message.unsafe = () => message
    message.msgContextInfo = () => ({ quotedMsg: { body: message.body, type: message.type }, quotedStanzaID: data.id })
    if (Msg.get(id.key)) return Msg.get(id.key)
    chat.msgs.add(message)
    message.collection = new WeakRef(Msg)
    chat.lastReceivedKey = { _serialized: id.key }
    chat.t = Math.max(chat.t, data.t)
    Msg.add(message)
    if (isNew && !fromMe) chat.set({ unreadCount: chat.unreadCount + 1 })
    if (isNew && data.twice) Msg.emit('add', message)
    return message
  }

  function loaded (id) {
    const { remote, id: own } = parsed(id)
    const data = phone.chats.find((chat) => chat.id === remote)?.older?.find((message) => message.id === own)
    return data && messageOf({ ...data, chat: remote }, { isNew: false })
  }

  function load () {
    for (const contact of phone.contacts) contactOf(contact)
    for (const data of phone.chats) {
      const chat = chatOf(data)
      for (const message of data.messages ?? []) messageOf({ ...message, chat: data.id }, { isNew: false })
      const isLoaded = ({ id }) => chat.msgs.getModelsArray().some((known) => known.id.id === id)
      const older = data.older ?? []
      // What is new in a chat that is open comes with the connection; what is older waits to be loaded.
      const newest = older.findLastIndex(isLoaded)
      if (newest >= 0) older.slice(newest + 1).forEach((message) => messageOf({ ...message, chat: data.id }, { isNew: false }))
      chat.older = older.filter((message) => !isLoaded(message))
      chat.t = Math.max(chat.t, data.t ?? 0)
      chat.unreadCount = data.unread ?? 0
    }
  }

  async function connect () {
    await pairing.write(phone.pairing)
    Conn.set({ pushname: phone.pushname, wid: widOf(phone.me) })
    load()
    Socket.set({ state: 'CONNECTED' })
    await later(phone.settings.syncDelayMs ?? 800)
    Cmd.emit('offline_progress_update_from_bridge')
    Socket.set({ hasSynced: true })
    report('connected')
  }

  async function unlink () {
    await pairing.write(null)
    Cmd.emit('logout')
    setTimeout(() => { location.href = '/?post_logout=1' }, 50)
  }

  // In the browser's profile, and on disk when it says so: what a browser that is killed must not forget.
  const pairing = {
    async store (mode) {
      const opening = indexedDB.open('standin')
      opening.onupgradeneeded = () => opening.result.createObjectStore('pairing')
      await new Promise((resolve) => { opening.onsuccess = resolve })
      return opening.result.transaction('pairing', mode, { durability: 'strict' })
    },
    async read () {
      const asked = (await this.store('readonly')).objectStore('pairing').get('own')
      return new Promise((resolve) => { asked.onsuccess = () => resolve(asked.result ?? null) })
    },
    async write (value) {
      const transaction = await this.store('readwrite')
      transaction.objectStore('pairing').put(value, 'own')
      await new Promise((resolve) => { transaction.oncomplete = resolve })
    }
  }
  const newRef = () => '2@' + crypto.randomUUID()

  const commands = {
    async scan (details) {
      Object.assign(phone, await (await fetch('/phone')).json(), details)
      Conn.set({ ref: undefined })
      Socket.set({ state: 'PAIRING' })
      await later(50)
      await connect()
    },
    rotate () { Conn.set({ ref: newRef() }) },
    message (data) { messageOf(data, { isNew: true }) },
    decrypt ({ key, body }) { Msg.get(key).set({ body, type: 'chat' }) },
    edit ({ key, body }) { Msg.get(key).set({ body }) },
    revoke ({ key }) { Msg.get(key).set({ body: '', type: 'revoked' }) },
    react ({ key, chat, author, emoji }) {
      const parent = messageId(parsed(key), 'serialized')
      modules.WAWebAddonReactionTableMode.reactionTableMode.bulkUpsert([{
        id: messageId({ fromMe: false, remote: chat, id: '3EB0' + Date.now() }, 'serialized'),
        reactionParentKey: parent,
        reactionText: emoji,
        reactionTimestamp: Date.now(),
        author: widOf(author)
      }])
    },
    vote ({ key, author, chosen }) {
      modules.WAWebAddonPollVoteTableMode.pollVoteTableMode.bulkUpsert([{
        id: messageId({ fromMe: false, remote: author, id: '3EB0' + Date.now() }, 'serialized'),
        pollUpdateParentKey: messageId(parsed(key), 'serialized'),
        selectedOptionLocalIds: chosen,
        senderTimestampMs: Date.now(),
        t: Date.now(),
        author: widOf(author)
      }])
    },
    // A page that computes for ever answers nobody.
    hang () { for (;;); },
    contact (data) { contactOf(data) },
    chat (data) { chatOf(data) },
    ack ({ key, ack }) { Msg.get(key)?.set({ ack }) },
    state ({ state }) { Socket.set({ state }) },
    unlink
  }

  const parsed = (key) => {
    const [fromMe, remote, id, participant] = key.split('_')
    return { fromMe: fromMe === 'true', remote, id, participant }
  }
  const base64 = (bytes) => btoa(String.fromCharCode(...bytes))
  const keyPair = { pubKey: crypto.getRandomValues(new Uint8Array(32)) }
  const method = (name) => (contact) => contact[name]
  const lidOf = (wid) => Contact.getModelsArray().find((contact) => contact.phoneNumber?._serialized === wid._serialized)?.id
  const phoneOf = (wid) => Contact.get(wid)?.phoneNumber

  const modules = {
    WAWebSocketModel: { Socket },
    WAWebCmd: { Cmd },
    WAWebConnModel: { Conn },
    WAWebOfflineHandler: { OfflineMessageHandler: { getOfflineDeliveryProgress: () => 100 } },
    WAWebAltDeviceLinkingApi: {
      setPairingType () {},
      async initializeAltDeviceLinking () {},
      async initializeQRLinking () {},
      async startAltLinkingFlow () { return 'ABCD1234' }
    },
    WABase64: { encodeB64: base64 },
    WAWebCompanionRegClientUtils: { DEVICE_PLATFORM: '1' },
    WAWebAdvSignatureApi: {},
    WAWebUserPrefsInfoStore: { waNoiseInfo: { get: async () => ({ staticKeyPair: keyPair }) } },
    WAWebSignalStoreApi: { waSignalStore: { getRegistrationInfo: async () => ({ identityKeyPair: keyPair }) } },
    WAWebUserPrefsMultiDevice: { getADVSecretKey: () => base64(keyPair.pubKey) },
    WAWebMiscBrowserUtils: { info: () => ({}) },
    WAWebLaunchSocketUtils: { refreshQR: () => commands.rotate() },
    WAWebUserPrefsMeUser: { getMaybeMePnUser: () => phone.me && widOf(phone.me), getMaybeMeLidUser: () => phone.lid && widOf(phone.lid) },
    WAWebCollections: { Msg, Chat, Contact, GroupMetadata, Blocklist: new Collection(), BusinessProfile: new Collection(), ProfilePicThumb: new Collection(), Label: new Collection() },
    WAWebSyncGatingUtils: {},
    WAWebCallCollection: {},
    WAWebNonMessageDataRequestPlaceholderMessageResendUtils: { handlePlaceholderMsgsSeen () {} },
    WALinkify: {
      findLinks: (text) => [...(text ?? '').matchAll(/https?:\/\/\S+/g)].map(([href]) => ({ href })),
      findLink: (text) => modules.WALinkify.findLinks(text)[0]
    },
    WAWebWidFactory: { createWid: widOf, createWidFromWidLike: widOf, asUserWidOrThrow: widOf },
    WAWebFindChatAction: { findOrCreateLatestChat: async (wid) => ({ chat: chatOf({ id: wid._serialized }) }) },
    WAWebChatLoadMessages: {
      async loadEarlierMsgs ({ chat }) {
        const batch = chat.older.splice(Math.max(0, chat.older.length - 10))
        const models = batch.map((message) => messageOf({ ...message, chat: chat.id._serialized }, { isNew: false }))
        chat.msgs.putFirst(models)
        return models
      }
    },
    WAWebLidMigrationUtils: { toPn: (wid) => wid.isLid() ? phoneOf(wid) : wid },
    WAWebApiContact: { getAlternateUserWid: () => null, getCurrentLid: lidOf, getPhoneNumber: phoneOf },
    WAWebQueryExistsJob: { queryWidExists: async (wid) => Contact.get(wid) || lidOf(wid) ? { wid } : null },
    WAWebContactGetters: {
      getIsMe: (contact) => contact.id._serialized === phone.me,
      getIsUser: (contact) => contact.id.isUser(),
      getIsGroup: (contact) => contact.id.isGroup(),
      getIsWAContact: () => true,
      getUserid: (contact) => contact.id.user,
      getVerifiedName: method('verifiedName'),
      getVerifiedLevel: method('verifiedLevel'),
      getStatusMute: method('statusMute'),
      getName: method('name'),
      getShortName: method('shortName'),
      getPushname: method('pushname'),
      getIsEnterprise: method('isEnterprise')
    },
    WAWebFrontendContactGetters: { getIsMyContact: (contact) => Boolean(contact.name) },
    WAWebChatGetters: { getIsNewsletter: (chat) => chat.id.isNewsletter(), getIsBroadcast: (chat) => chat.id.isBroadcast() },
    WAWebMsgKey: MsgKey,
    WAWebGetEphemeralFieldsMsgActionsUtils: { getEphemeralFields: () => ({}) },
    WAWebLinkPreviewChatAction: { getLinkPreview: async () => null },
    WAWebMsgReply: { canReplyMsg: () => true },
    WAWebSendMsgChatAction: {
      addAndSendMsgToChat (chat, data) {
        const message = new Model({ ...data, ack: 0 })
        Object.defineProperty(message, 'key', { value: data.id._serialized })
        message.collection = new WeakRef(Msg)
        chat.msgs.add(message)
        Msg.add(message)
        const told = report('sent', { chat: chat.id._serialized, body: data.body ?? data.caption ?? '', type: data.type, key: data.id._serialized, quoted: data.quotedStanzaID ?? null, t: data.t })
        const sent = told.then(() => later(phone.settings.sendDelayMs ?? 0)).then(() => { message.set({ ack: 1 }) })
        return [Promise.resolve(), sent]
      }
    },
    WAWebAddonReactionTableMode: { reactionTableMode: { bulkUpsert () {} } },
    WAWebAddonPollVoteTableMode: { pollVoteTableMode: { bulkUpsert () {} } },
    WAWebDownloadManager: {
      downloadManager: {
        async downloadAndMaybeDecrypt ({ directPath }) {
          const response = await fetch(directPath)
          // eslint-disable-next-line no-throw-literal
          if (!response.ok) throw { status: response.status }
          return response.arrayBuffer()
        }
      }
    },
    WAWebMediaOpaqueData: OpaqueData,
    WAWebPrepRawMedia: {
      prepRawMedia: (media, { isPtt }) => ({
        async waitForPrep () {
          const data = { mimetype: media.type, type: isPtt ? 'ptt' : media.type.split('/')[0], filehash: 'hash', mediaBlob: media, size: media.size }
          data.set = (changes) => Object.assign(data, changes)
          data.toJSON = () => ({ type: data.type, mimetype: data.mimetype, directPath: data.directPath, size: data.size })
          return data
        }
      })
    },
    WAWebMediaStorage: { getOrCreateMediaObject: (filehash) => ({ filehash, contentInfo: { waveform: new Uint8Array(64) }, consolidate () {} }) },
    WAWebMmsMediaTypes: { msgToMediaType: ({ type }) => type, castToV4: (type) => type },
    WAWebMediaDataUtils: { shouldUseMediaCache: () => false },
    WAWebMediaMmsV4Upload: {
      uploadMedia: async () => ({ mediaEntry: { mmsUrl: '/x', deprecatedMms3Url: '/x', directPath: '/x', mediaKey: 'k', mediaKeyTimestamp: 1, encFilehash: 'e', sidecar: null, firstFrameSidecar: null, streamingSidecar: null, firstFrameLength: 0, handle: 'h' } })
    },
    WAWebStreamModel: { Stream: { markAvailable () {}, markUnavailable () {} } },
    WAWebUpdateUnreadChatAction: { sendSeen: async ({ chat }) => report('seen', { chat: chat.id._serialized }) },
    WAWebChatStateBridge: {
      sendChatStateComposing: async (wid) => report('typing', { chat: wid._serialized }),
      sendChatStatePaused: async () => {},
      sendChatStateRecording: async () => {}
    }
  }

  function OpaqueData (blob, type) { Object.assign(this, { blob, type, size: blob.size }) }
  OpaqueData.createFromData = async (blob, type) => new OpaqueData(blob, type)
  OpaqueData.prototype.url = () => 'blob:none'
  OpaqueData.prototype.autorelease = () => {}

  window.require = (name) => {
    if (!(name in modules) || phone.settings.missing?.includes(name)) throw new Error(`Requiring unknown module "${name}"`)
    return modules[name]
  }

  async function start () {
    let ready
    while (!ready) ready = await listen().catch(() => later(300))
    phone = await (await fetch('/phone')).json()
    window.Debug = { VERSION: '2.3000.1000000000' }
    Socket.on('change:state', (_, state) => { document.getElementById('state').textContent = state })
    await later(20)
    if (await pairing.read() === phone.pairing) {
      const connecting = connect()
      ready()
      await connecting
    } else {
      Conn.set({ ref: newRef() })
      Socket.set({ state: 'UNPAIRED' })
      ready()
      report('qr')
    }
  }

  // A connection that was cut: the page finds it again by itself, and what it missed is no news to anybody.
  async function listen () {
    const source = new EventSource('/commands')
    // Nothing falls between what the phone tells at once and what it tells later.
    let waiting = []
    const take = ({ command, ...details }) => commands[command](details)
    source.onmessage = ({ data }) => { if (waiting) waiting.push(JSON.parse(data)); else take(JSON.parse(data)) }
    let refuse
    source.onerror = () => {
      source.close()
      if (refuse) return refuse(new Error('the phone does not answer'))
      if (Socket.state === 'CONNECTED') Socket.set({ state: 'OPENING' })
      setTimeout(again, phone.settings.reconnectMs ?? 300)
    }
    await new Promise((resolve, reject) => { source.onopen = resolve; refuse = reject })
    refuse = null
    return () => {
      const early = waiting
      waiting = null
      early.forEach(take)
    }
  }

  async function again () {
    let ready
    try {
      ready = await listen()
      phone = await (await fetch('/phone')).json()
    } catch {
      setTimeout(again, 300)
      return
    }
    if (Socket.state === 'OPENING') {
      load()
      Socket.set({ state: 'CONNECTED' })
    }
    ready()
  }

  start()
})()

// A stand-in for the page at web.whatsapp.com, as far as the unmodified whatsapp-web.js reads and drives it.
// "The phone" is the test's server: it holds contacts, chats and messages, sends commands as server-sent events, and
// hears what the page does by POST. Only the pairing lives here, in localStorage, as the real session lives in the
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
  Msg.getMessagesById = async (ids) => ({ messages: ids.map((id) => Msg.get(id)).filter(Boolean) })
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
    return message
  }

  function load () {
    for (const contact of phone.contacts) contactOf(contact)
    for (const chat of phone.chats) {
      chatOf(chat)
      for (const message of chat.messages ?? []) messageOf({ ...message, chat: chat.id }, { isNew: false })
    }
  }

  async function connect () {
    localStorage.setItem('paired', phone.pairing)
    Conn.set({ pushname: phone.pushname, wid: widOf(phone.me) })
    load()
    Socket.set({ state: 'CONNECTED' })
    await later(phone.settings.syncDelayMs ?? 800)
    Cmd.emit('offline_progress_update_from_bridge')
    Socket.set({ hasSynced: true })
    report('connected')
  }

  function unlink () {
    localStorage.removeItem('paired')
    Cmd.emit('logout')
    setTimeout(() => { location.href = '/?post_logout=1' }, 50)
  }

  const newRef = () => '2@' + crypto.randomUUID()

  const commands = {
    async scan (details) {
      Object.assign(phone, details)
      Conn.set({ ref: undefined })
      Socket.set({ state: 'PAIRING' })
      await later(50)
      await connect()
    },
    rotate () { Conn.set({ ref: newRef() }) },
    message (data) { messageOf(data, { isNew: true }) },
    contact (data) { contactOf(data) },
    chat (data) { chatOf(data) },
    ack ({ key, ack }) { Msg.get(key)?.set({ ack }) },
    state ({ state }) { Socket.set({ state }) },
    unlink
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
        return batch.map((message) => messageOf({ ...message, chat: chat.id._serialized }, { isNew: false }))
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
        const sent = report('sent', { chat: chat.id._serialized, body: data.body, key: data.id._serialized, quoted: data.quotedStanzaID ?? null })
          .then(() => { message.set({ ack: 1 }) })
        return [Promise.resolve(), sent]
      }
    },
    WAWebStreamModel: { Stream: { markAvailable () {}, markUnavailable () {} } },
    WAWebUpdateUnreadChatAction: { sendSeen: async ({ chat }) => report('seen', { chat: chat.id._serialized }) },
    WAWebChatStateBridge: {
      sendChatStateComposing: async (wid) => report('typing', { chat: wid._serialized }),
      sendChatStatePaused: async () => {},
      sendChatStateRecording: async () => {}
    }
  }

  window.require = (name) => {
    if (!(name in modules)) throw new Error(`Requiring unknown module "${name}"`)
    return modules[name]
  }

  async function start () {
    phone = await (await fetch('/phone')).json()
    const source = new EventSource('/commands')
    source.onmessage = ({ data }) => {
      const { command, ...details } = JSON.parse(data)
      commands[command](details)
    }
    await new Promise((resolve) => { source.onopen = resolve })
    window.Debug = { VERSION: '2.3000.1000000000' }
    Socket.on('change:state', (_, state) => { document.getElementById('state').textContent = state })
    await later(20)
    if (localStorage.getItem('paired') === phone.pairing) {
      await connect()
    } else {
      Conn.set({ ref: newRef() })
      Socket.set({ state: 'UNPAIRED' })
      report('qr')
    }
  }

  start()
})()

/** Where each operation of the API is. Apart from the schemas, because the command line starts faster without them. */
export const routeTable = {
  status: { method: 'GET', url: '/api/v1/status' },

  pairInvite: { method: 'POST', url: '/api/v1/pair/invite' },
  pairAccept: { method: 'POST', url: '/api/v1/pair/accept' },
  pairConfirm: { method: 'POST', url: '/api/v1/pair/confirm' },
  pairList: { method: 'GET', url: '/api/v1/pair' },
  pairSetAddresses: { method: 'POST', url: '/api/v1/pair/addresses' },
  pairRemove: { method: 'POST', url: '/api/v1/pair/remove' },

  agentInvite: { method: 'POST', url: '/api/v1/agents/invite' },
  agentList: { method: 'GET', url: '/api/v1/agents' },
  agentRevoke: { method: 'POST', url: '/api/v1/agents/revoke' },

  datasets: { method: 'GET', url: '/api/v1/datasets' },
  snapshots: { method: 'GET', url: '/api/v1/snapshots' },
  snapshot: { method: 'GET', url: '/api/v1/snapshot' },

  replicate: { method: 'POST', url: '/api/v1/replicate' },
  replicateExport: { method: 'POST', url: '/api/v1/replicate/export' },
  replicateImport: { method: 'POST', url: '/api/v1/replicate/import' },
  scrub: { method: 'POST', url: '/api/v1/scrub' },
  storeCheck: { method: 'POST', url: '/api/v1/store/check' },
  storeReindex: { method: 'POST', url: '/api/v1/store/reindex' },
  catalogDigest: { method: 'GET', url: '/api/v1/catalog/digest' },

  linkLimits: { method: 'GET', url: '/api/v1/link/limits' },
  linkLimit: { method: 'POST', url: '/api/v1/link/limit' },
  linkWindow: { method: 'POST', url: '/api/v1/link/window' },
  linkHold: { method: 'POST', url: '/api/v1/link/hold' },
  linkClass: { method: 'POST', url: '/api/v1/link/class' },

  linkHealth: { method: 'GET', url: '/api/v1/link/health' },
  linkHistory: { method: 'POST', url: '/api/v1/link/history' },
  linkTest: { method: 'POST', url: '/api/v1/link/test' },

  keyRotate: { method: 'POST', url: '/api/v1/key/rotate' },
  keyKit: { method: 'POST', url: '/api/v1/key/kit' },
  keyKitKept: { method: 'POST', url: '/api/v1/key/kit/kept' },
} as const;

/** The client protocol: a WebSocket beside the API. */
export const clientProtocolPath = '/client/v1';

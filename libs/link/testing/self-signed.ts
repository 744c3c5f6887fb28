/** A certificate for servers of tests: it proves nothing, as links expect. */
export const selfSigned = {
  key: [
    '-----BEGIN PRIVATE KEY-----',
    'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQglp37vPLzMFgB4gsN',
    'E7AJFU/7tNtimX9Yj82cVweSNSahRANCAAQhMS07rJUvoEmPTVHnl/rI2p+4mQHV',
    'cT4GpVGQ1D7HPMO4+/VyLu3jh70TEUeRU7SoeZFdTGiLPphLOVZ9h/Fb',
    '-----END PRIVATE KEY-----',
  ].join('\n'),
  cert: [
    '-----BEGIN CERTIFICATE-----',
    'MIIBdjCCARugAwIBAgIUDpQmdPShQX1x9+jfKztvaiwg9dQwCgYIKoZIzj0EAwIw',
    'DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjQyMTA2MjNaGA8yMTI2MTAzMTIxMDYy',
    'M1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCEx',
    'LTuslS+gSY9NUeeX+sjan7iZAdVxPgalUZDUPsc8w7j79XIu7eOHvRMRR5FTtKh5',
    'kV1MaIs+mEs5Vn2H8VujUzBRMB0GA1UdDgQWBBRx92XYKToffjvJdeAPYEoLkGk4',
    'vDAfBgNVHSMEGDAWgBRx92XYKToffjvJdeAPYEoLkGk4vDAPBgNVHRMBAf8EBTAD',
    'AQH/MAoGCCqGSM49BAMCA0kAMEYCIQDO0yo2NEmEEWlgdqhqQoqZQvietpHYUKuP',
    'mTOwCcG2fAIhAMm5Xv0R0lX7rkOcSC6J6Xhe0eWNPjPG5lY10kcaSgKo',
    '-----END CERTIFICATE-----',
  ].join('\n'),
};

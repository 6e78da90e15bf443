import { appHost, play, playbook } from 'provision';

// The role proves by itself that every mapped address, every user and every container leaves by the public address that
// belongs to it, and that what is published answers from outside.
export default playbook('App hosts with several NICs', [play({ hosts: 'app-host', roles: [appHost()] })]);

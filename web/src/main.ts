import { createApp } from 'vue'
import { createApi } from '@/api/client'
import App from '@/app/App.vue'
import { apiKey } from '@/app/api'
import { createPageRouter } from '@/app/router'
import { createSession, sessionKey } from '@/app/session'
import '@/style.css'

const api = createApi('/api/v1', () => {
  session.expire()
})
const session = createSession(api)

createApp(App).provide(apiKey, api).provide(sessionKey, session).use(createPageRouter()).mount('#app')

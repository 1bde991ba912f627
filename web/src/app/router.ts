import { createRouter, createWebHistory, type Router } from 'vue-router'
import LivePage from '@/features/live/LivePage.vue'
import QueryPage from '@/features/query/QueryPage.vue'

export function createPageRouter(): Router {
  return createRouter({
    history: createWebHistory(),
    routes: [
      { path: '/', redirect: '/query' },
      { path: '/query', name: 'query', component: QueryPage },
      { path: '/asked', component: () => import('@/features/query/AskedPage.vue') },
      { path: '/live', name: 'live', component: LivePage },
      { path: '/result/:id', name: 'result', component: () => import('@/features/query/ResultPage.vue') },
      { path: '/schedules', component: () => import('@/features/schedules/SchedulesPage.vue') },
      { path: '/targets', component: () => import('@/features/targets/TargetsPage.vue') },
      {
        path: '/admin',
        component: () => import('@/features/admin/AdminPage.vue'),
        redirect: '/admin/users',
        children: [
          { path: 'users', component: () => import('@/features/admin/UsersPanel.vue') },
          { path: 'audit', component: () => import('@/features/admin/AuditPanel.vue') },
          { path: 'tokens', component: () => import('@/features/admin/TokensPanel.vue') },
          { path: 'groups', component: () => import('@/features/admin/GroupsPanel.vue') },
        ],
      },
      { path: '/:rest(.*)*', redirect: '/query' },
    ],
  })
}

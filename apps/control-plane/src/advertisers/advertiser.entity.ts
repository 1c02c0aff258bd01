import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

@Entity('advertiser')
export class AdvertiserEntity {
  @PrimaryColumn({ type: 'text', name: 'advertiser_id' })
  advertiserId!: string;

  @Column({ type: 'integer', default: 1 })
  version!: number;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text' })
  domain!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}
